"""Where PyTorch is faster than a native program, as measured: `slower(program, algorithms)`.

The measurements are in docs/operator.md. Nothing is timed when a model runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cnnkit.graph.program import Program
from cnnkit.graph.program.steps import Step

ONE_BY_ONE = {1: "Tanh", 5: "ELU"}  # functions by their kind, which have no vectors
PRODUCTS = 500  # that take as long as one of them
# Kernels without vectors of their own that are no slower than PyTorch's; `conv` is a grouped one.
FINE = {"conv"}


class Reasons(NamedTuple):
    """Why PyTorch is faster: for one image, and for several; empty where it is not."""

    one: str
    several: str

    def of(self, images: int) -> str:
        """Return the reason for a number of images."""
        return self.one if images == 1 else self.several


def slower(program: Program, algorithms: Sequence[str]) -> Reasons:
    """Return where PyTorch is faster than a program.

    Args:
        program: the steps.
        algorithms: what computes each.
    """
    products = program.macc
    slow = sum(_count(step) for step in program.steps)
    if slow * PRODUCTS > 0.2 * products:
        names = {ONE_BY_ONE[kind] for step in program.steps if (kind := _kind(step)) in ONE_BY_ONE}
        reason = f"PyTorch computes {' and '.join(sorted(names))} faster"
        return Reasons(reason, reason)
    plain = {"depthwise": 0, "others": 0}
    for step, algorithm in zip(program.steps, algorithms, strict=True):
        if algorithm == step.kernel and algorithm not in FINE:
            plain["depthwise" if algorithm == "depthwise" else "others"] += step.macc
    if plain["others"] > 0.25 * products:
        reason = "most of its products have no fast kernel"
        return Reasons(reason, reason)
    if plain["depthwise"] > 0.5 * products:
        return Reasons("", "PyTorch is faster at large depthwise kernels of several images")
    return Reasons("", "")


def _kind(step: Step) -> int:
    return int(step.numbers["kind"]) if step.kernel == "function" else -1  # type: ignore[arg-type]


def _count(step: Step) -> int:
    if _kind(step) not in ONE_BY_ONE:
        return 0
    return int(step.numbers["count"])  # type: ignore[arg-type]
