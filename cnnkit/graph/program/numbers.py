"""Arithmetic, activations, means, softmax and products of matrices as kernels."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence

import numpy as np

from cnnkit.graph.graph import Node
from cnnkit.graph.program.layers import NONE, RELU, pool_channels
from cnnkit.graph.program.lowered import Lowered
from cnnkit.graph.program.steps import Number, Place, Value

OPERATIONS = {"Add": 0, "Sub": 1, "Mul": 2, "Div": 3, "Sum": 0}
AXES = 4  # of the kernel
FUNCTIONS = ("Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "LeakyRelu", "Elu")


def lower_activation(lowered: Lowered, node: Node) -> None:
    """Lower Relu and Clip, in place where nothing else reads the input."""
    x = lowered.input(node)
    fields = dict(RELU) if node.operator == "Relu" else _limits(lowered, node)
    y = x if lowered.is_last_reader(node, x) else lowered.new(x.shape, x.order)
    if y is not x:
        y = Value(y.shape, y.order, y.place, x.images)
    lowered.call("activation", {"count": x.size, **fields}, (x.place,), y)
    lowered.name(node.outputs[0], y)


def _limits(lowered: Lowered, node: Node) -> dict[str, Number]:
    """Return the fields of a Clip; the upper limit wins over a larger lower one."""
    limits = [lowered.graph.tensors.get(name) if name else None for name in node.inputs[1:]]
    if any(name and limit is None for name, limit in zip(node.inputs[1:], limits, strict=True)):
        raise node.refused("its limits are not constants")
    low, high = (*(None if n is None else float(n.reshape(())) for n in limits), None, None)[:2]
    most = float(np.finfo(np.float32).max)
    if high is None:
        return dict(NONE) if low is None else {**RELU, "low": low}
    low = -most if low is None else min(low, high)
    return {"activation": 2, "low": max(low, -most), "high": min(high, most)}


def lower_arithmetic(lowered: Lowered, node: Node) -> None:
    """Lower an operation of two values with broadcast; Sum of more adds one after another."""
    operation = OPERATIONS[node.operator]
    lower_pairs(lowered, node, lambda x, z, y: combine(lowered, node, operation, x, z, y))


def lower_pairs(lowered: Lowered, node: Node, step: Callable[[Value, Value, Value], None]) -> None:
    """Lower a node of any number of values, two at a time: `step` writes what two give."""
    result = lowered.shape(node.outputs[0])
    left = broadcast_input(lowered, node, 0, result)
    if len(node.inputs) == 1:
        lowered.name(node.outputs[0], lowered.input(node))
        return
    for index in range(1, len(node.inputs)):
        right = broadcast_input(lowered, node, index, result)
        later = {lowered.values[n].place for n in node.inputs[index + 1 :] if n in lowered.values}
        y = result_of(lowered, node, left, right, result, later)
        step(left, right, y)
        left = y
    lowered.name(node.outputs[0], left)


def broadcast_input(lowered: Lowered, node: Node, index: int, result: tuple[int, ...]) -> Value:
    """Return an input with as many axes as the result; those that are put before are 1."""
    x = lowered.input(node, index)
    if x.images:
        x = lowered.as_order(x, None)
    shape, order = x.shape, x.order
    if len(shape) == len(result) + 1 and shape[0] == 1:  # a constant's axis of images
        shape, order = shape[1:], tuple(axis - 1 for axis in order if axis)
    if len(shape) > len(result):
        raise node.refused(f"its input {node.inputs[index]} is {list(x.shape)}")
    more = len(result) - len(shape)
    order = (*range(more), *(axis + more for axis in order))
    return Value((1,) * more + shape, order, x.place)


def result_of(
    lowered: Lowered,
    node: Node,
    x: Value,
    z: Value,
    shape: tuple[int, ...],
    later: Container[Place],  # what the node still needs
) -> Value:
    """Return where the result of two values goes: over one of them if nothing else reads it."""
    for value, other in ((x, z), (z, x)):
        free = value.shape == shape and value.place not in later
        moved = other.place == value.place and other.steps != value.steps  # is read elsewhere
        if free and not moved and lowered.is_last_reader(node, value):
            return value
    whole = next((value for value in (x, z) if value.shape == shape), None)
    return lowered.new(shape, whole.order if whole else None)


def combine(lowered: Lowered, node: Node, operation: int, x: Value, z: Value, y: Value) -> None:
    """Add a step of arithmetic; x and z have as many axes as y."""
    fields: dict[str, Number] = {"operation": operation, **steps_along(node, y, {"x": x, "z": z})}
    lowered.call("arithmetic", fields, (x.place, z.place), y)


def steps_along(node: Node, y: Value, operands: Mapping[str, Value]) -> dict[str, Number]:
    """Return the fields of a kernel that broadcasts: sizes, and steps of each operand by name.

    Raises:
        InputError: they need more axes than kernels have.
    """
    rows = _axes(y, [_repeated(value) for value in operands.values()])
    if len(rows) > AXES:
        raise node.refused(f"it combines values along {len(rows)} axes")
    rows = [(1, *[0] * len(operands))] * (AXES - len(rows)) + rows
    names = ("size", *operands)
    return {n: tuple(column) for n, column in zip(names, zip(*rows, strict=True), strict=True)}


def _repeated(value: Value) -> tuple[int, ...]:
    """Return the steps of a value, 0 along an axis that it repeats."""
    pairs = zip(value.shape, value.steps, strict=True)
    return tuple(step if size > 1 else 0 for size, step in pairs)


def _axes(y: Value, steps: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return sizes and steps in the order in which y lies; axes that can be are joined."""
    found: list[tuple[int, ...]] = []
    for axis in y.order:
        size, row = y.shape[axis], tuple(each[axis] for each in steps)
        if size == 1:
            continue
        before = found[-1] if found else None
        if before and all(b == size * step for b, step in zip(before[1:], row, strict=True)):
            found[-1] = (before[0] * size, *row)
        else:
            found.append((size, *row))
    return found


def lower_mean(lowered: Lowered, node: Node) -> None:
    """Lower ReduceMean: over H and W as a pool, else as means of rows."""
    x, kept = lowered.input(node), lowered.shape(node.outputs[0])
    rank = len(x.shape) + 1
    axes = [axis % rank - 1 for axis in _axes_of(lowered, node)]
    if -1 in axes or not axes:
        raise node.refused("it takes the mean of several images, or of nothing")
    if len(x.shape) == 3 and sorted(axes) == [1, 2]:
        y = Value(kept, tuple(range(len(kept))), pool_channels(lowered, node).place)
    else:
        left = [axis for axis in range(len(x.shape)) if axis not in axes]
        x = lowered.as_order(x, (*left, *sorted(axes)))
        count = math.prod(x.shape[axis] for axis in axes)
        y = lowered.new(kept, None)
        lowered.call("mean", {"rows": x.size // count, "count": count}, (x.place,), y)
    lowered.name(node.outputs[0], y)


def _axes_of(lowered: Lowered, node: Node) -> list[int]:
    named = node.inputs[1:2]
    axes = lowered.graph.tensors[named[0]].ravel().tolist() if named and named[0] else []
    return axes or list(range(len(lowered.types[node.inputs[0]].shape)))


def lower_softmax(lowered: Lowered, node: Node) -> None:
    """Lower Softmax and LogSoftmax of rows."""
    x = lowered.input(node)
    axis = node.attributes["axis"] % (len(x.shape) + 1) - 1
    if axis < 0:
        raise node.refused("its axis is that of the images")
    others = [other for other in range(len(x.shape)) if other != axis]
    x = lowered.as_order(x, (*others, axis))
    y = lowered.new(x.shape, x.order)
    count = x.shape[axis]
    fields = {"rows": x.size // count, "count": count}
    fields["logarithm"] = int(node.operator == "LogSoftmax")
    lowered.call("softmax", fields, (x.place,), y)
    lowered.name(node.outputs[0], y)


def lower_matmul(lowered: Lowered, node: Node) -> None:
    """Lower a product of matrices that are computed, or of a constant with one that is."""
    shape = lowered.shape(node.outputs[0])
    values = [lowered.as_order(lowered.input(node, index), None) for index in (0, 1)]
    shapes = [
        _without_ones(value.shape) if name in lowered.graph.tensors else value.shape
        for name, value in zip(node.inputs, values, strict=True)
    ]
    if min(map(len, shapes)) < 2 or len(shape) < 2:
        raise node.refused("one of its inputs is not a matrix of an image")
    count = math.prod(shape[:-2])
    steps = [math.prod(each) if len(each) > 2 else 0 for each in shapes]
    if any(len(each) > 2 and each[:-2] != shape[:-2] for each in shapes):
        raise node.refused(f"its inputs {shapes[0]} and {shapes[1]} are broadcast")
    steps = [step and math.prod(each[-2:]) for step, each in zip(steps, shapes, strict=True)]
    y = lowered.new(shape, None)
    fields = {"count": count, "rows": shape[-2], "inner": shapes[0][-1], "columns": shape[-1]}
    fields |= {"step_x": steps[0], "step_z": steps[1]}
    places = tuple(value.place for value in values)
    lowered.call("matmul", fields, places, y, count * shape[-2] * shape[-1] * shapes[0][-1])
    lowered.name(node.outputs[0], y)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a constant matrix, or stack of them, without leading axes of 1."""
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape


def lower_function(lowered: Lowered, node: Node) -> None:
    """Lower a function of each element, in place where nothing else reads the input."""
    x = lowered.input(node)
    y = x if lowered.is_last_reader(node, x) else lowered.new(x.shape, x.order)
    fields: dict[str, Number] = {"count": x.size, "kind": FUNCTIONS.index(node.operator)}
    fields |= {name: float(node.attributes.get(name, 0.0)) for name in ("alpha", "beta")}
    lowered.call("function", fields, (x.place,), y)
    lowered.name(node.outputs[0], Value(x.shape, x.order, y.place, x.images))


def lower_prelu(lowered: Lowered, node: Node) -> None:
    """Lower PRelu as max(x, 0) + slope · min(x, 0)."""
    x, shape = lowered.input(node), lowered.shape(node.outputs[0])
    if x.images:
        x = lowered.as_order(x, None)
    slope = broadcast_input(lowered, node, 1, shape)
    parts = [lowered.new(x.shape, x.order) for _ in range(2)]
    most = float(np.finfo(np.float32).max)
    lowered.call("activation", {"count": x.size, **RELU}, (x.place,), parts[0])
    negative: dict[str, Number] = {"activation": 2, "low": -most, "high": 0.0}
    lowered.call("activation", {"count": x.size, **negative}, (x.place,), parts[1])
    combine(lowered, node, OPERATIONS["Mul"], parts[1], slope, parts[1])
    combine(lowered, node, OPERATIONS["Add"], parts[0], parts[1], parts[0])
    lowered.name(node.outputs[0], parts[0])


def lower_lrn(lowered: Lowered, node: Node) -> None:
    """Lower LRN of images."""
    x, attributes = lowered.images(node), node.attributes
    y = lowered.new(x.shape, x.order)
    channels = x.shape[0]
    fields = {"pixels": x.size // channels, "channels": channels}
    fields |= {name: attributes[name] for name in ("size", "alpha", "beta", "bias")}
    lowered.call("lrn", fields, (x.place,), y)
    lowered.name(node.outputs[0], y)


ROWS: dict[str, Callable[[Lowered, Node], None]] = {
    **dict.fromkeys(("Relu", "Clip"), lower_activation),
    **dict.fromkeys(OPERATIONS, lower_arithmetic),
    **dict.fromkeys(FUNCTIONS, lower_function),
    "PRelu": lower_prelu,
    "LRN": lower_lrn,
    "ReduceMean": lower_mean,
    **dict.fromkeys(("Softmax", "LogSoftmax"), lower_softmax),
    "MatMul": lower_matmul,
}
