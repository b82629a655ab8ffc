"""Lazy exports: a package's public names are imported on first use, so importing it is cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.machinery import PathFinder
from typing import Any


def attach(
    package: str, homes: Mapping[str, str], needs: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__` (PEP 562).

    Args:
        package: its `__name__`.
        homes: the module that defines each name, relative (".fused") or absolute.
        needs: the optional package that a name cannot be imported without. Where it is missing,
            `dir` leaves the name out, and `help`, which reads every name of `dir`, works.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name], package), name)

    def names() -> list[str]:
        lacking = {name for name, other in (needs or {}).items() if not PathFinder.find_spec(other)}
        return sorted(homes.keys() - lacking)

    return get, names
