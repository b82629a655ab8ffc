"""Operators that repeat, resample or spread elements, as kernels and copies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnkit.graph.graph import Node
from cnnkit.graph.operators.resizing import resized, taps
from cnnkit.graph.operators.windows import Window
from cnnkit.graph.program.layers import NONE, convolve
from cnnkit.graph.program.lowered import CHANNELS_LAST, MOST_AXES, Lowered
from cnnkit.graph.program.movement import apart, resample
from cnnkit.graph.program.steps import Value


def lower_resize(lowered: Lowered, node: Node) -> None:
    """Lower Resize, one axis after another."""
    y = apart(lowered, node)
    constants = [lowered.graph.tensors.get(name) for name in node.inputs]
    for row in resized(node.attributes, lowered.types[node.inputs[0]].shape, constants):
        y = resample(lowered, y, row.axis - 1, *taps(node.attributes, row))
    lowered.name(node.outputs[0], y)


def lower_gather(lowered: Lowered, node: Node) -> None:
    """Lower a Gather of constant indices."""
    x, indices = apart(lowered, node), lowered.graph.tensors[node.inputs[1]]
    axis = node.attributes["axis"] % (len(x.shape) + 1) - 1
    if not indices.size:
        raise node.refused("it takes nothing")
    if indices.ndim != 1:
        x = lowered.as_order(x, None)
    y = resample(lowered, x, axis, (indices.astype(np.int64) % x.shape[axis]).reshape(-1, 1))
    if indices.ndim != 1:
        shape = lowered.shape(node.outputs[0])
        y = Value(shape, tuple(range(len(shape))), y.place)
    lowered.name(node.outputs[0], y)


def lower_expand(lowered: Lowered, node: Node) -> None:
    """Copy elements to all places where they are repeated."""
    x, shape = apart(lowered, node), lowered.shape(node.outputs[0])
    if len(shape) != len(x.shape) or len(shape) > MOST_AXES:
        raise node.refused(f"it makes {list(shape)} of {list(x.shape)}")
    y = lowered.new(shape, x.order)
    steps = tuple(s if size > 1 else 0 for s, size in zip(x.steps, x.shape, strict=True))
    lowered.copy(x, y, shape, steps, y.steps)
    lowered.name(node.outputs[0], y)


def lower_tile(lowered: Lowered, node: Node) -> None:
    """Lower a Tile, one axis after another."""
    y = apart(lowered, node)
    for axis, repeats in enumerate(lowered.graph.tensors[node.inputs[1]].tolist()[1:]):
        if repeats < 1:
            raise node.refused("it repeats nothing")
        if repeats > 1:
            y = resample(lowered, y, axis, np.tile(np.arange(y.shape[axis]), repeats)[:, None])
    lowered.name(node.outputs[0], y)


def lower_blocks(lowered: Lowered, node: Node) -> None:
    """Copy channels into blocks of pixels, or blocks of pixels into channels."""
    x, block = lowered.images(node), node.attributes["blocksize"]
    y = lowered.new(lowered.shape(node.outputs[0]), CHANNELS_LAST)
    deep, flat = (x, y) if node.operator == "DepthToSpace" else (y, x)
    channels, height, width = flat.shape[0], *deep.shape[1:]
    c, h, w = deep.steps
    first = node.attributes["mode"] == "DCR"  # the place in the block, before the channel
    row, column, each = (
        (block * channels * c, channels * c, c) if first else (block * c, c, block**2 * c)
    )
    steps_deep = (each, h, row, w, column)
    c, h, w = flat.steps
    steps_flat = (c, block * h, h, block * w, w)
    shape = (channels, height, block, width, block)
    pair = (steps_deep, steps_flat) if deep is x else (steps_flat, steps_deep)
    lowered.copy(x, y, shape, *pair)
    lowered.name(node.outputs[0], y)


def lower_transposed(lowered: Lowered, node: Node) -> None:
    """Lower a ConvTranspose as a convolution, by the turned kernel, of x with zeros between."""
    x, window = lowered.images(node), Window.of(node.attributes)
    if len(window.kernel) != 2:
        raise node.refused(f"its window has {len(window.kernel)} axes, not 2")
    weight, group = lowered.parameter(node.inputs[1]), node.attributes["group"]
    bias = lowered.parameter(node.inputs[2]) if len(node.inputs) > 2 else None
    each, of = weight.shape[1], len(weight) // group
    turned = weight[:, :, ::-1, ::-1].reshape(group, of, each, *window.kernel)
    turned = turned.swapaxes(1, 2).reshape(group * each, of, *window.kernel)
    before = [extent - 1 - pad for extent, pad in zip(window.extents, window.pads[:2], strict=True)]
    shape = lowered.shape(node.outputs[0])
    # The convolution sees so much that its result has the right size.
    seen = [size + extent - 1 for size, extent in zip(shape[1:], window.extents, strict=True)]
    whole = lowered.new((x.shape[0], *seen), CHANNELS_LAST)
    lowered.call("fill", {"count": whole.size, "value": 0.0}, (), whole)
    sizes, starts_x, starts_y = [x.shape[0]], [0], [0]
    for size, stride, start, room in zip(x.shape[1:], window.strides, before, seen, strict=True):
        skipped = max(0, -(-max(0, -start) // stride))  # that lie before what is seen
        end = min(size, max(0, -(-(room - start) // stride)))
        sizes.append(end - skipped)
        starts_x.append(skipped)
        starts_y.append(start + skipped * stride)
    if min(sizes) > 0:
        c, h, w = whole.steps
        steps = (c, h * window.strides[0], w * window.strides[1])
        starts = (
            sum(a * b for a, b in zip(starts_x, x.steps, strict=True)),
            sum(a * b for a, b in zip(starts_y, whole.steps, strict=True)),
        )
        lowered.copy(x, whole, tuple(sizes), x.steps, steps, starts)
    y = lowered.new(shape, CHANNELS_LAST)
    plain = Window(window.kernel, (1, 1), (0, 0, 0, 0), window.dilations)
    convolve(lowered, whole, y, np.ascontiguousarray(turned), bias, None, plain, group, NONE)
    lowered.name(node.outputs[0], y)


ROWS: dict[str, Callable[[Lowered, Node], None]] = {
    "Resize": lower_resize,
    "Gather": lower_gather,
    "Expand": lower_expand,
    "Tile": lower_tile,
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), lower_blocks),
    "ConvTranspose": lower_transposed,
}
