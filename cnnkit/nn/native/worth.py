"""Where PyTorch is faster than a native program, as measured: `slower(program, algorithms)`.

The measurements are in docs/benchmark.md. Nothing is timed when a model runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from cnnkit.graph.program import Program
from cnnkit.graph.program.functions import ELEMENTARY
from cnnkit.graph.program.steps import Step

ONE_BY_ONE = {1: "Tanh", 5: "ELU"}  # of the kernel `function`, by kind: they have no vectors
PRODUCTS = 500  # that take as long as one of them
# Kernels that were not measured, with what their results are taken to cost.
UNMEASURED = dict.fromkeys(("chosen", "extreme", "reduce", "resample", "standardise"), 50)
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
    costs = [_cost(step) for step in program.steps]
    if sum(costs) > 0.2 * products:
        slow = {_name(step) for step, cost in zip(program.steps, costs, strict=True) if cost}
        reason = f"PyTorch computes {' and '.join(sorted(slow))} faster"
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


def _name(step: Step) -> str:
    """Return what a step computes, for people."""
    if step.kernel == "function":
        return ONE_BY_ONE[_kind(step)]
    return (*ELEMENTARY, "Pow")[_kind(step)] if step.kernel == "elementary" else step.kernel


def _kind(step: Step) -> int:
    return int(step.numbers["kind"])  # type: ignore[arg-type]


def _cost(step: Step) -> int:
    """Return what a step costs in products, if it has no vectors; else nothing."""
    if step.kernel in UNMEASURED:
        return math.prod(step.shape) * UNMEASURED[step.kernel]
    slow = step.kernel == "elementary" or (step.kernel == "function" and _kind(step) in ONE_BY_ONE)
    return math.prod(step.shape) * PRODUCTS if slow else 0
