"""Convolutions, matrices and pools as kernels."""

from __future__ import annotations

import math
from collections.abc import Callable

from cnnkit.graph.graph import Node
from cnnkit.graph.operators.fused import pool_of
from cnnkit.graph.operators.windows import Window
from cnnkit.graph.program.lowered import CHANNELS_LAST, Lowered
from cnnkit.graph.program.packing import pack, pack_bias
from cnnkit.graph.program.steps import Number, Place, Value
from cnnkit.graph.types import Array

NONE: dict[str, Number] = {"activation": 0, "low": 0.0, "high": 0.0}
RELU: dict[str, Number] = {"activation": 1, "low": 0.0, "high": 0.0}


def lower_convolution(lowered: Lowered, node: Node) -> None:
    """Lower a FusedConv: a convolution, and a pool behind it in a step of its own."""
    x, window = lowered.images(node), Window.of(node.attributes)
    weight = lowered.parameter(node.inputs[1])
    bias = lowered.parameter(node.inputs[2]) if _has(node, 2) else None
    residual: Value | None = lowered.images(node, 3) if _has(node, 3) else None
    pool = node.attributes["pool_kernel_shape"]
    channels, group = len(weight), node.attributes["group"]
    sizes = [
        (size + before + after - extent) // stride + 1
        for size, before, after, extent, stride in zip(
            x.shape[1:],
            window.pads[:2],
            window.pads[2:],
            window.extents,
            window.strides,
            strict=True,
        )
    ]
    y, place = lowered.new((channels, *sizes), CHANNELS_LAST), None
    if residual is not None:
        place = residual.place
        if place != x.place and lowered.is_last_reader(node, residual):
            y = residual  # is written over
    convolve(lowered, x, y, weight, bias, place, window, group, _activation(node))
    if pool:
        pooled = lowered.new(lowered.shape(node.outputs[0]), CHANNELS_LAST)
        _pool(lowered, node, y, pooled, Window.of(pool_of(node.attributes)), 0)
        y = pooled
    lowered.name(node.outputs[0], y)


def _has(node: Node, index: int) -> bool:
    return len(node.inputs) > index and bool(node.inputs[index])


def _activation(node: Node) -> dict[str, Number]:
    """Return the fields of a FusedConv's activation."""
    limits = {"low": node.attributes["clip_min"], "high": node.attributes["clip_max"]}
    return {"": NONE, "Relu": RELU, "Clip": {"activation": 2, **limits}}[
        node.attributes["activation"]
    ]


def convolve(
    lowered: Lowered,
    x: Value,
    y: Value,
    weight: Array,
    bias: Array | None,
    residual: Place,
    window: Window,
    group: int,
    activation: dict[str, Number],
) -> None:
    """Add a convolution; one that looks at single pixels takes an image as one row."""
    planes = [x.shape[1:], y.shape[1:]]
    if window.kernel == window.strides == (1, 1) and not any(window.pads):
        planes = [(1, math.prod(plane)) for plane in planes]
    depthwise = group > 1 and group == x.shape[0] == len(weight)
    fields: dict[str, Number] = {}
    for name, channels, plane in zip(("in", "out"), (x.shape[0], len(weight)), planes, strict=True):
        fields |= {f"{name}_h": plane[0], f"{name}_w": plane[1], f"{name}_c": channels}
    fields |= _window(window) | {"groups": group} | activation
    packed = (
        lowered.constant("weight", pack(weight, 1 if depthwise else group)),
        lowered.constant("bias", pack_bias(bias, len(weight), 1 if depthwise else group)),
    )
    lowered.call(
        "depthwise" if depthwise else "conv",
        fields,
        (*packed, x.place, residual),
        y,
        y.size * math.prod(weight.shape[1:]),
    )


def _window(window: Window) -> dict[str, Number]:
    """Return the fields of a window's size and steps."""
    pairs = {
        "kernel": window.kernel,
        "stride": window.strides,
        "pad": window.pads[:2],
        "dilation": window.dilations,
    }
    return {
        f"{name}_{axis}": pair[index]
        for name, pair in pairs.items()
        for index, axis in enumerate("hw")
    }


def lower_gemm(lowered: Lowered, node: Node) -> None:
    """Lower a matrix product as a 1x1 convolution of one pixel."""
    attributes = node.attributes
    constant = all(name in lowered.graph.tensors for name in node.inputs[1:])
    plain = attributes["alpha"] == attributes["beta"] == 1.0 and not attributes["transA"]
    if not constant or not plain or not attributes["transB"]:
        raise node.refused("its matrix is not a constant", "export the model with constant weights")
    weight = lowered.parameter(node.inputs[1])
    bias = None
    if _has(node, 2):
        bias = lowered.parameter(node.inputs[2])
        if bias.shape != (len(weight),):
            raise node.refused(f"its bias is {list(bias.shape)}, not {[len(weight)]}")
    x = lowered.values[node.inputs[0]]
    if x.images:
        sides = weight.reshape(len(weight), *x.images).transpose(0, 2, 3, 1)
        weight = sides.reshape(len(weight), -1)
    else:
        x = lowered.as_order(x, None)
    y = lowered.new((len(weight),), None)
    one = Window((1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
    pixel = Value((x.size, 1, 1), CHANNELS_LAST, x.place)
    to = Value((len(weight), 1, 1), CHANNELS_LAST, y.place)
    convolve(lowered, pixel, to, weight[:, :, None, None], bias, None, one, 1, NONE)
    lowered.name(node.outputs[0], y)


def lower_pool(lowered: Lowered, node: Node) -> None:
    """Lower a max-pool or an average-pool."""
    x = lowered.images(node)
    y = lowered.new(lowered.shape(node.outputs[0]), CHANNELS_LAST)
    average = 0
    if node.operator == "AveragePool":
        average = 2 if node.attributes["count_include_pad"] else 1
    _pool(lowered, node, x, y, Window.of(node.attributes), average)
    lowered.name(node.outputs[0], y)


def _pool(lowered: Lowered, node: Node, x: Value, y: Value, window: Window, average: int) -> None:
    if len(window.kernel) != 2:
        raise node.refused(f"its window has {len(window.kernel)} axes, not 2")
    fields: dict[str, Number] = dict(
        zip(
            ("in_h", "in_w", "channels", "out_h", "out_w"),
            (*x.shape[1:], x.shape[0], *y.shape[1:]),
            strict=True,
        )
    )
    steps = _window(window)
    after = {"end_h": window.pads[2], "end_w": window.pads[3]}
    names = [*list(steps)[:6], *after, *list(steps)[6:]]
    fields |= {name: {**steps, **after}[name] for name in names} | {"average": average}
    lowered.call("pool", fields, (x.place,), y)


def lower_global(lowered: Lowered, node: Node) -> None:
    """Lower the mean, or the largest element, of each channel."""
    average = int(node.operator == "GlobalAveragePool")
    lowered.name(node.outputs[0], pool_channels(lowered, node, average))


def pool_channels(lowered: Lowered, node: Node, average: int = 1) -> Value:
    """Return a node's images pooled by a window that sees all of them, [C, 1, 1]."""
    x = lowered.images(node)
    y = lowered.new((x.shape[0], 1, 1), CHANNELS_LAST)
    window = Window(x.shape[1:], (1, 1), (0, 0, 0, 0), (1, 1))
    _pool(lowered, node, x, y, window, average)
    return y


ROWS: dict[str, Callable[[Lowered, Node], None]] = {
    "FusedConv": lower_convolution,
    "Gemm": lower_gemm,
    "MaxPool": lower_pool,
    "AveragePool": lower_pool,
    "GlobalAveragePool": lower_global,
    "GlobalMaxPool": lower_global,
}
