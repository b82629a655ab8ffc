"""The parts of a model that a native program may compute: `find_parts(model)`."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import torch
from torch import nn

from cnnkit.nn.fused.places import Names
from cnnkit.nn.fusion.report import Handed
from cnnkit.nn.fusion.tracing import same_random_numbers
from cnnkit.nn.native.facts import NotShownError
from cnnkit.nn.native.known import CONTAINERS
from cnnkit.nn.native.part import Part
from cnnkit.nn.native.proof import prove

FEWEST = 3  # convolutions of a part
ENOUGH = 4  # calls until there is a program


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


def tried(part: Part, row: Handed, model: nn.Module, inputs: tuple[Any, ...]) -> Handed:
    """Return what the report says of a whole model after a few calls of it."""
    with same_random_numbers(), torch.no_grad():
        for _ in range(ENOUGH):
            try:
                model(*inputs)
            except Exception as error:  # the model's own code runs here
                return Handed(row.place, row.layers, f"it raises {type(error).__name__}")
    reasons = list(part.programs.refused.values())
    if not reasons and not part.programs.ready:
        reasons = ["it does not take images alone, float32 [N, C, H, W]"]
    return Handed(row.place, row.layers, reasons[0] if reasons else "")


def _convolutions(module: nn.Module) -> list[str]:
    return [name for name, part in module.named_modules() if type(part) is nn.Conv2d]


def contents(module: nn.Module) -> str:
    """Return how many layers of each kind a module has."""
    counted = Counter(type(m).__name__ for m in module.modules() if not any(m.children()))
    return ", ".join(f"{count} {kind}" for kind, count in counted.most_common(3))
