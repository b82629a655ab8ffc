"""Scales and zero points of a network's values: `choose_scales(plan, ranges)["y"].scale`.

Scales have few digits, so that another machine's rounding of the ranges gives the same ones; and
those of what is added are multiples of their sum's, by which ONNX Runtime's float32 arithmetic of
additions is exact: with fused multiply-add and without, and with integers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.quantised.form import Plan, upper_limit
from cnnkit.graph.quantised.ranges import LEVELS, Range
from cnnkit.graph.types import Array

DIGITS = 8  # bits of a scale
WEIGHT_LIMIT = 64  # 7 bits and a sign: x86 without VNNI overflows in pairs of full-range products
LARGEST_BIAS = 2**30
SMALLEST = 2.0**-60  # scale of a value that is always 0


class Scale(NamedTuple):
    """Integers q of 8 bits stand for (q - zero) * scale."""

    scale: np.float32
    zero: int

    @property
    def top(self) -> float:
        """The largest number that there is an integer for."""
        return float(self.scale) * (LEVELS - self.zero)


def choose_scales(plan: Plan, ranges: Mapping[str, Range]) -> dict[str, Scale]:
    """Return the scale of each quantised value.

    Args:
        plan: the network.
        ranges: of the values; those that share a scale share what covers all.
    """
    classes: dict[str, Range] = {}
    for name, shared in plan.values.items():
        low, high = ranges[name]
        known = classes.get(shared, (0.0, 0.0))
        classes[shared] = min(known[0], low), max(known[1], high)
    for shared, limit in _limits(plan).items():
        classes[shared] = classes[shared][0], min(classes[shared][1], limit)
    steps = {shared: _step(*range) for shared, range in classes.items()}
    steps |= _added(plan, steps)
    found = {shared: scale_of(*classes[shared], step) for shared, step in steps.items()}
    return {name: found[shared] for name, shared in plan.values.items()}


def scale_of(low: float, high: float, step: float) -> Scale:
    """Return a scale whose integers begin at `low` at the latest."""
    return Scale(np.float32(step), min(LEVELS, round(-low / step)))


def _step(low: float, high: float) -> float:
    exact = (high - low) / LEVELS
    if float(np.float32(1 / LEVELS)) == float(np.float32(exact)):
        return float(np.float32(exact))  # pixels from 0 to 1, whose integers are the pixels
    return few_digits(exact) if exact > SMALLEST else 1.0


def few_digits(value: float) -> float:
    """Return the next number from a value on that has few digits in its mantissa."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.ceil(round(mantissa * 2**DIGITS, 6)), exponent - DIGITS)


def _limits(plan: Plan) -> dict[str, float]:
    """Return the upper limits of activations that are folded, by what they give."""
    made = {node.outputs[0]: node for node in plan.graph.nodes}
    found = {}
    for name in plan.folded.values():
        limit = upper_limit(plan.graph, made[name])
        if name in plan.values and math.isfinite(limit):
            found[plan.values[name]] = limit
    return found


def _added(plan: Plan, steps: Mapping[str, float]) -> dict[str, float]:
    """Return steps of what is added that are multiples of their sums' steps, as far as possible.

    From the last addition to the first; a value that is added twice keeps the multiple of the last.
    """
    found: dict[str, float] = {}
    for node in reversed(plan.graph.nodes):
        if node.operator != "Add" or node.outputs[0] not in plan.nodes:
            continue
        total = plan.values.get(plan.output(node))
        if total is None:
            continue
        of_sum = found.setdefault(total, steps[total])
        for shared in (plan.values[name] for name in node.inputs):
            if shared not in found:
                found[shared] = _multiple(steps[shared], of_sum)
    return found


def _multiple(step: float, of_sum: float) -> float:
    """Return a float32 from a step on whose quotient by another one, as float32, has few digits."""
    ratio = few_digits(step / of_sum)
    for _ in range(4):
        found = np.float32(ratio * of_sum)
        if float(found / np.float32(of_sum)) == ratio:
            return float(found)
        ratio = few_digits(ratio * (1 + 2.0**-DIGITS))
    return step


def weight_scales(weight: Array, bias: Array, of_input: float) -> Array:
    """Return the scale of each output channel, float32 [K]: its largest weight has 7 bits.

    It is larger where a bias, in steps of this scale times the input's, would have too many bits.
    """
    largest = np.abs(weight.astype(np.float64)).reshape(len(weight), -1).max(axis=1)
    sizes = np.abs(bias.astype(np.float64)) / of_input
    empty = np.where(sizes > 0, sizes / 2**20, 1.0)
    scales = np.where(largest > 0, largest / WEIGHT_LIMIT, empty)
    result: Array = np.maximum(scales, sizes / LARGEST_BIAS).astype(np.float32)
    return np.maximum(result, np.finfo(np.float32).tiny)


def rounded_weight(weight: Array, scales: Array) -> Array:
    """Return a weight [K, ...] in steps of its channels' scales, int8."""
    column = scales.astype(np.float64).reshape(-1, *[1] * (weight.ndim - 1))
    whole = np.rint(weight.astype(np.float64) / column)
    return np.clip(whole, -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)


def rounded_bias(bias: Array, scales: Array) -> Array:
    """Return a bias [K] in steps of its channels' scales, int32."""
    limits = np.iinfo(np.int32)
    whole = np.rint(bias.astype(np.float64) / scales.astype(np.float64))
    return np.clip(whole, limits.min, limits.max).astype(np.int32)


def parameters(graph: Graph, node: Node) -> tuple[Array, Array]:
    """Return weight and bias of a layer; a bias that it has not is 0."""
    weight = graph.tensors[node.inputs[1]]
    if len(node.inputs) > 2 and node.inputs[2]:
        return weight, graph.tensors[node.inputs[2]]
    return weight, np.zeros(len(weight), np.float32)
