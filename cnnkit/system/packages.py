"""The optional parts of an installation: `extras()` says which are here and how to get the rest."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass

# What a person gains by each extra of pyproject.toml.
UNLOCKS = {
    "train": "train, export, verify against PyTorch, run TorchScript, draw pictures",
    "ray": "cnnkit sweep on several machines",
    "peers": "OpenVINO, ncnn and JAX beside cnnkit in bench",
    "test": "run the test suite",
    "dev": "lint, type-check and format cnnkit's own code",
}
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[(?P<extras>[^]]*)])?(?P<bound>[^;]*)")
CONDITION = re.compile(r"""extra\s*==\s*['"](?P<extra>[^'"]+)['"]""")


@dataclass(frozen=True)
class Extra:
    """One optional part.

    Attributes:
        name: as in `pip install '.[name]'`.
        unlocks: what it is for.
        installed: version by package; None for a package that is missing.
        command: what installs the missing ones; empty if there are none.
    """

    name: str
    unlocks: str
    installed: dict[str, str | None]
    command: str

    @property
    def complete(self) -> bool:
        """All its packages are here."""
        return None not in self.installed.values()


def find_version(package: str) -> str | None:
    """Return a package's installed version without importing it, None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def base_requirements() -> dict[str, str]:
    """Return what cnnkit itself needs: version bounds by package."""
    return _requirements("")


def extras() -> list[Extra]:
    """Return every extra that the installed cnnkit declares."""
    declared = importlib.metadata.metadata("cnnkit").get_all("Provides-Extra") or []
    found = []
    for name in declared:
        needed = _requirements(name)
        installed = {package: find_version(package) for package in needed}
        lacking = [f"'{package}{needed[package]}'" for package, v in installed.items() if v is None]
        command = f"python -m pip install {' '.join(lacking)}" if lacking else ""
        found.append(Extra(name, UNLOCKS.get(name, ""), installed, command))
    return found


def _requirements(extra: str) -> dict[str, str]:
    """Return version bounds by package of one extra, of those that it includes too."""
    bounds: dict[str, str] = {}
    for line in importlib.metadata.requires("cnnkit") or []:
        condition = CONDITION.search(line)
        if (condition["extra"] if condition else "") != extra:
            continue
        found = REQUIREMENT.match(line)
        assert found, line  # the installer has checked the form
        if found["name"].lower() == "cnnkit":
            for included in (found["extras"] or "").split(","):
                bounds |= _requirements(included.strip())
        else:
            bounds[found["name"]] = found["bound"].strip(" ()")
    return bounds
