"""Elementary functions, reductions, choices and normalisations as kernels."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnnkit.graph.graph import Node
from cnnkit.graph.program.lowered import Lowered
from cnnkit.graph.program.movement import need_images_first
from cnnkit.graph.program.numbers import (
    OPERATIONS,
    broadcast_input,
    combine,
    lower_pairs,
    steps_along,
)
from cnnkit.graph.program.steps import Number, Value
from cnnkit.graph.types import Array

# The kinds of the kernel, in their order.
ELEMENTARY = (
    *("Exp", "Log", "Sqrt", "Abs", "Neg", "Sign", "Reciprocal", "Floor", "Ceil", "Round"),
    *("Erf", "Softplus", "Softsign", "Mish", "Gelu", "tanh", "Swish", "ThresholdedRelu"),
)
POWER, SQUARE_ROOT, ABSOLUTE = len(ELEMENTARY), ELEMENTARY.index("Sqrt"), ELEMENTARY.index("Abs")
ELU = 5  # of the kernel `function`
REDUCTIONS = {"ReduceSum": 0, "ReduceMax": 1, "ReduceMin": 2}
REDUCTIONS |= dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceSumSquare"), 0)


def _new_like(lowered: Lowered, node: Node, x: Value) -> Value:
    """Return where a function of x goes: over x, where nothing else reads it."""
    y = x if lowered.is_last_reader(node, x) else lowered.new(x.shape, x.order)
    return Value(x.shape, x.order, y.place, x.images)


def _elementary(lowered: Lowered, x: Value, y: Value, kind: int, alpha: float = 0.0) -> None:
    lowered.call("elementary", {"count": x.size, "kind": kind, "alpha": alpha}, (x.place,), y)


def lower_elementary(lowered: Lowered, node: Node) -> None:
    """Lower a function of each element."""
    x = lowered.input(node)
    y = _new_like(lowered, node, x)
    tanh = node.attributes.get("approximate") == "tanh"
    kind = ELEMENTARY.index("tanh" if tanh else node.operator)
    _elementary(lowered, x, y, kind, float(node.attributes.get("alpha", 0.0)))
    lowered.name(node.outputs[0], y)


def lower_power(lowered: Lowered, node: Node) -> None:
    """Lower a power whose exponent is one constant."""
    exponent = lowered.graph.tensors.get(node.inputs[1])
    if exponent is None or exponent.size != 1 or node.inputs[0] in lowered.graph.tensors:
        raise node.refused("its exponent is not a single constant")
    x, shape = lowered.input(node), lowered.shape(node.outputs[0])
    if x.shape != shape:
        raise node.refused(f"its exponent has more axes than {list(x.shape)}")
    y = _new_like(lowered, node, x)
    _elementary(lowered, x, y, POWER, float(np.float32(exponent.reshape(()))))
    lowered.name(node.outputs[0], y)


def lower_scaled_elu(lowered: Lowered, node: Node) -> None:
    """Lower Selu as gamma · Elu(x), and Celu as alpha · Elu(x / alpha)."""
    x, alpha = lowered.input(node), float(node.attributes["alpha"])
    celu = node.operator == "Celu"
    if celu and alpha < 0:
        raise node.refused("its alpha is negative")
    y = _new_like(lowered, node, x)
    if celu:
        _multiply(lowered, node, x, y, 1.0 / alpha)
    fields: dict[str, Number] = {"count": x.size, "kind": ELU}
    fields |= {"alpha": 1.0 if celu else alpha, "beta": 0.0}
    lowered.call("function", fields, ((y if celu else x).place,), y)
    _multiply(lowered, node, y, y, alpha if celu else float(node.attributes["gamma"]))
    lowered.name(node.outputs[0], y)


def _multiply(lowered: Lowered, node: Node, x: Value, y: Value, factor: float) -> None:
    ones = (1,) * len(x.shape)
    name = lowered.constant("factor", np.array([factor], np.float32))
    combine(lowered, node, OPERATIONS["Mul"], x, Value(ones, y.order, name), y)


def lower_extreme(lowered: Lowered, node: Node) -> None:
    """Lower Max and Min of any number of values, two at a time."""

    def step(x: Value, z: Value, y: Value) -> None:
        fields = {
            "smaller": int(node.operator == "Min"),
            **steps_along(node, y, {"x": x, "z": z}),
        }
        lowered.call("extreme", fields, (x.place, z.place), y)

    lower_pairs(lowered, node, step)


def lower_where(lowered: Lowered, node: Node) -> None:
    """Lower a choice by a condition that is constant."""
    if node.inputs[0] not in lowered.graph.tensors:
        raise node.refused("its condition is not a constant")
    result = lowered.shape(node.outputs[0])
    condition, x, z = (broadcast_input(lowered, node, index, result) for index in range(3))
    whole = next((value for value in (x, z) if value.shape == result), None)
    y = lowered.new(result, whole.order if whole else None)
    fields = steps_along(node, y, {"condition": condition, "x": x, "z": z})
    lowered.call("chosen", fields, (condition.place, x.place, z.place), y)
    lowered.name(node.outputs[0], y)


def _axes_of(lowered: Lowered, node: Node) -> list[int]:
    """Return the axes that a node reduces, without that of the images."""
    rank = len(lowered.types[node.inputs[0]].shape)
    named = lowered.graph.tensors[node.inputs[1]] if len(node.inputs) > 1 else None
    axes = [] if named is None else [int(axis) % rank - 1 for axis in named.ravel()]
    if not axes and not node.attributes["noop_with_empty_axes"]:
        axes = list(range(-1, rank - 1))
    if -1 in axes or not axes:
        raise node.refused("it joins several images, or nothing")
    return axes


def lower_reduction(lowered: Lowered, node: Node) -> None:
    """Lower a reduction as that of rows, of absolute values or squares where it is a norm."""
    axes, x = _axes_of(lowered, node), lowered.input(node)
    left = [axis for axis in range(len(x.shape)) if axis not in axes]
    x = lowered.as_order(x, (*left, *sorted(axes)))
    if node.operator == "ReduceL1":
        made = lowered.new(x.shape, x.order)
        _elementary(lowered, x, made, ABSOLUTE)
        x = made
    elif node.operator in ("ReduceL2", "ReduceSumSquare"):
        made = lowered.new(x.shape, x.order)
        combine(lowered, node, OPERATIONS["Mul"], x, x, made)
        x = made
    count = math.prod(x.shape[axis] for axis in axes)
    y = lowered.new(lowered.shape(node.outputs[0]), None)
    fields = {"rows": x.size // count, "count": count, "kind": REDUCTIONS[node.operator]}
    lowered.call("reduce", fields, (x.place,), y)
    if node.operator == "ReduceL2":
        _elementary(lowered, y, y, SQUARE_ROOT)
    lowered.name(node.outputs[0], y)


def lower_normalisation(lowered: Lowered, node: Node) -> None:
    """Lower a normalisation of what each image holds: rows, then their scale and shift."""
    need_images_first(lowered, node)
    x = lowered.input(node)
    if node.operator == "LayerNormalization":
        first = node.attributes["axis"] % (len(x.shape) + 1) - 1
        normalised = tuple(range(first, len(x.shape)))
        x = lowered.as_order(x, _last(x, normalised))
        count = math.prod(x.shape[axis] for axis in normalised)
        parameters = [lowered.parameter(name) for name in node.inputs[1:]]
        shapes = [(1,) * (len(x.shape) - array.ndim) + array.shape for array in parameters]
    else:
        x = lowered.as_order(x, None)
        groups = node.attributes.get("num_groups", x.shape[0])
        count = x.size // groups
        parameters = [lowered.parameter(name) for name in node.inputs[1:]]
        shapes = [(len(array), *[1] * (len(x.shape) - 1)) for array in parameters]
    y = lowered.new(x.shape, x.order)
    fields: dict[str, Number] = {"rows": x.size // count, "count": count}
    fields["epsilon"] = float(node.attributes["epsilon"])
    lowered.call("standardise", fields, (x.place,), y)
    for operator, array, shape in zip(("Mul", "Add"), parameters, shapes, strict=False):
        combine(lowered, node, OPERATIONS[operator], y, _constant(lowered, array, shape), y)
    lowered.name(node.outputs[0], y)


def _last(x: Value, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return an order in which some axes are the fastest; x's own, as far as it can be kept."""
    others = tuple(axis for axis in x.order if axis not in axes)
    return (*others, *axes)


def _constant(lowered: Lowered, array: Array, shape: tuple[int, ...]) -> Value:
    flat = np.ascontiguousarray(array, np.float32).ravel()
    return Value(shape, tuple(range(len(shape))), lowered.constant("parameter", flat))


ROWS: dict[str, Callable[[Lowered, Node], None]] = {
    **dict.fromkeys([name for name in ELEMENTARY if name != "tanh"], lower_elementary),
    **dict.fromkeys(("Selu", "Celu"), lower_scaled_elu),
    "Pow": lower_power,
    **dict.fromkeys(("Max", "Min"), lower_extreme),
    "Where": lower_where,
    **dict.fromkeys(REDUCTIONS, lower_reduction),
    **dict.fromkeys(
        ("InstanceNormalization", "GroupNormalization", "LayerNormalization"), lower_normalisation
    ),
}
