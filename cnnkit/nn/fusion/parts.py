"""The parts of a model that a native program may compute: `find_parts(model)`."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from torch import nn

from cnnkit.nn.fused.places import Names
from cnnkit.nn.fusion.report import Handed
from cnnkit.nn.native.facts import NotShownError
from cnnkit.nn.native.known import CONTAINERS
from cnnkit.nn.native.proof import prove

FEWEST = 3  # convolutions of a part


class Found(NamedTuple):
    """A part: its dotted name, and where its first convolution is in it."""

    name: str
    conv: Names


def find_parts(model: nn.Module) -> tuple[list[Found], list[Handed]]:
    """Return the parts, outer ones first, and what the report says of the outermost."""
    found: list[Found] = []
    rows: list[Handed] = []
    _visit(model, "", found, rows, shown=False)
    return found, rows


def _visit(
    module: nn.Module, name: str, found: list[Found], rows: list[Handed], shown: bool
) -> None:
    convolutions = _convolutions(module)
    if len(convolutions) < FEWEST:
        return
    if not isinstance(module, CONTAINERS[1:]):  # which nobody calls
        try:
            prove(module)
        except NotShownError as error:
            rows.append(Handed(name or "model", contents(module), str(error)))
        else:
            found.append(Found(name, tuple(convolutions[0].split("."))))
            if not shown:
                rows.append(Handed(name or "model", contents(module)))
            shown = True
    for child_name, child in module.named_children():
        _visit(child, f"{name}.{child_name}" if name else child_name, found, rows, shown)


def _convolutions(module: nn.Module) -> list[str]:
    return [name for name, part in module.named_modules() if type(part) is nn.Conv2d]


def contents(module: nn.Module) -> str:
    """Return how many layers of each kind a module has."""
    counted = Counter(type(m).__name__ for m in module.modules() if not any(m.children()))
    return ", ".join(f"{count} {kind}" for kind, count in counted.most_common(3))
