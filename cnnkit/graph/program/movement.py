"""Operators that move elements, as copies or as other views of the same buffer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cnnkit.graph.graph import Node
from cnnkit.graph.operators.slicing import slices
from cnnkit.graph.program.lowered import CHANNELS_LAST, MOST_AXES, Lowered
from cnnkit.graph.program.steps import Value
from cnnkit.graph.types import FREE, Array


def resample(
    lowered: Lowered, x: Value, axis: int, places: Array, weights: Array | None = None
) -> Value:
    """Return sums of elements of an axis: which ones of it [size, taps], and by what weights."""
    weights = np.ones(places.shape) if weights is None else weights
    at = x.order.index(axis)
    shape = (*x.shape[:axis], len(places), *x.shape[axis + 1 :])
    y = lowered.new(shape, x.order)
    constants = [
        lowered.constant(name, np.ascontiguousarray(array, np.float32).ravel())
        for name, array in (("places", places), ("weights", weights))
    ]
    fields = {
        "outer": math.prod(x.shape[each] for each in x.order[:at]),
        "in": x.shape[axis],
        "out": len(places),
        "inner": math.prod(x.shape[each] for each in x.order[at + 1 :]),
        "taps": places.shape[1],
    }
    lowered.call("resample", fields, (*constants, x.place), y)
    return y


def apart(lowered: Lowered, node: Node) -> Value:
    """Return a node's input with its axes apart."""
    need_images_first(lowered, node)
    x = lowered.input(node)
    return lowered.as_order(x, None) if x.images else x


def lower_same(lowered: Lowered, node: Node) -> None:
    """Let the result be the input."""
    lowered.name(node.outputs[0], lowered.input(node))


def lower_shape(lowered: Lowered, node: Node) -> None:
    """Give the elements other axes; images that are flattened stay where they are."""
    need_images_first(lowered, node)
    x, shape = lowered.input(node), lowered.shape(node.outputs[0])
    axes = tuple(range(len(shape)))
    images = len(x.shape) == 3 and x.lies_as(CHANNELS_LAST) and not x.lies_as((0, 1, 2))
    if images and len(shape) == 1:
        y = Value(shape, axes, x.place, x.shape)
    elif x.images and shape == x.images:
        y = Value(shape, CHANNELS_LAST, x.place)
    else:
        y = Value(shape, axes, lowered.as_order(x, None).place)
    lowered.name(node.outputs[0], y)


def need_images_first(lowered: Lowered, node: Node) -> None:
    """Refuse a node that moves the axis of the images."""
    for name in (node.inputs[0], *node.outputs):
        shape = lowered.types[name].shape
        if name in lowered.graph.tensors or shape[:1] == (FREE,):
            continue
        raise node.refused(f"{name} is {lowered.types[name]}, whose first axis is not the images")


def lower_transpose(lowered: Lowered, node: Node) -> None:
    """Give the axes another order; no element moves until a kernel wants it elsewhere."""
    need_images_first(lowered, node)
    x = lowered.input(node)
    if x.images:
        x = lowered.as_order(x, None)
    rank = len(x.shape) + 1
    order = node.attributes["perm"] or tuple(reversed(range(rank)))
    moved = [axis - 1 for axis in order[1:]]  # the axis that each new one was
    y = Value(
        tuple(x.shape[axis] for axis in moved),
        tuple(moved.index(axis) for axis in x.order),
        x.place,
    )
    lowered.name(node.outputs[0], y)


def lower_concat(lowered: Lowered, node: Node) -> None:
    """Copy each input to its place."""
    need_images_first(lowered, node)
    y, rank = new_result(lowered, node), len(lowered.types[node.outputs[0]].shape)
    axis, at = node.attributes["axis"] % rank - 1, 0
    for index in range(len(node.inputs)):
        x = _of_one_image(lowered, node, index, rank)
        if x.images:
            x = lowered.as_order(x, None)
        lowered.copy(x, y, x.shape, x.steps, y.steps, (0, at * y.steps[axis]))
        at += x.shape[axis]
    lowered.name(node.outputs[0], y)


def _of_one_image(lowered: Lowered, node: Node, index: int, rank: int) -> Value:
    """Return an input; a constant is without its axis of images."""
    x = lowered.input(node, index)
    if node.inputs[index] in lowered.values:
        return x
    if len(x.shape) != rank or x.shape[0] != 1:
        raise node.refused(f"its constant {node.inputs[index]} is {list(x.shape)}")
    return Value(x.shape[1:], tuple(range(rank - 1)), x.place)


def new_result(lowered: Lowered, node: Node, index: int = 0) -> Value:
    """Return a buffer for an output, images as [H][W][C]."""
    shape = lowered.shape(node.outputs[index])
    if len(shape) > MOST_AXES:
        raise node.refused(f"its result has {len(shape)} axes beside the images")
    return lowered.new(shape, CHANNELS_LAST if len(shape) == 3 else None)


def lower_pad(lowered: Lowered, node: Node) -> None:
    """Fill the result, and copy the input into it; negative pads leave elements out."""
    x = apart(lowered, node)
    pads = lowered.graph.tensors[node.inputs[1]].tolist()
    before, after = pads[1 : len(pads) // 2], pads[len(pads) // 2 + 1 :]
    if node.attributes["mode"] != "constant":
        lowered.name(node.outputs[0], _mirrored(lowered, x, before, after, node.attributes["mode"]))
        return
    y = new_result(lowered, node)
    value = 0.0
    if len(node.inputs) > 2 and node.inputs[2]:
        value = float(np.float32(lowered.graph.tensors[node.inputs[2]].reshape(())))
    lowered.call("fill", {"count": y.size, "value": value}, (), y)
    sizes = tuple(
        min(size, max(0, end - at)) - max(0, -at)
        for size, end, at in zip(x.shape, y.shape, before, strict=True)
    )
    starts = (
        sum(step * max(0, -at) for step, at in zip(x.steps, before, strict=True)),
        sum(step * max(0, at) for step, at in zip(y.steps, before, strict=True)),
    )
    if min(sizes, default=1) > 0:
        lowered.copy(x, y, sizes, x.steps, y.steps, starts)
    lowered.name(node.outputs[0], y)


def _mirrored(lowered: Lowered, x: Value, before: list[int], after: list[int], mode: Any) -> Value:
    """Return x with a frame of its own elements, one axis after another."""
    for axis, (first, last) in enumerate(zip(before, after, strict=True)):
        places = np.arange(x.shape[axis])[max(0, -first) : x.shape[axis] + min(0, last)]
        places = np.pad(places, (max(0, first), max(0, last)), mode=mode)
        if first or last:
            x = resample(lowered, x, axis, places[:, None])
    return x


def lower_slice(lowered: Lowered, node: Node) -> None:
    """Copy a part of each axis."""
    x = apart(lowered, node)
    constants = [lowered.graph.tensors.get(name) for name in node.inputs]
    parts = slices(constants, len(x.shape) + 1)
    for axis in parts:
        places = range(*parts[axis].indices(x.shape[axis - 1])) if axis else range(0)
        if places.step < 0 and len(places) > 1:
            x = resample(lowered, x, axis - 1, np.array(places)[:, None])
            parts[axis] = slice(None)
    y = new_result(lowered, node)
    start, steps = 0, list(x.steps)
    for axis, size in enumerate(x.shape):
        places = range(*parts.get(axis + 1, slice(None)).indices(size))
        start += places.start * x.steps[axis] if len(places) else 0
        steps[axis] *= places.step
    steps = [max(step, 0) for step in steps]
    lowered.copy(x, y, y.shape, tuple(steps), y.steps, (start, 0))
    lowered.name(node.outputs[0], y)


def lower_split(lowered: Lowered, node: Node) -> None:
    """Copy each part of an axis."""
    for name in node.outputs:
        if not lowered.shape(name) or 0 in lowered.shape(name):
            raise node.refused(f"its part {name} is empty")
    need_images_first(lowered, node)
    x, start = lowered.input(node), 0
    if x.images:
        x = lowered.as_order(x, None)
    axis = node.attributes["axis"] % (len(x.shape) + 1) - 1
    for index, name in enumerate(node.outputs):
        y = new_result(lowered, node, index)
        lowered.copy(x, y, y.shape, x.steps, y.steps, (start * x.steps[axis], 0))
        lowered.name(name, y)
        start += y.shape[axis]


ROWS: dict[str, Callable[[Lowered, Node], None]] = {
    **dict.fromkeys(("Identity", "Dropout", "Cast"), lower_same),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), lower_shape),
    "Transpose": lower_transpose,
    "Concat": lower_concat,
    "Pad": lower_pad,
    "Slice": lower_slice,
    "Split": lower_split,
}
