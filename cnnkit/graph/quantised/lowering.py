"""An integer graph as calls of kernels on one arena of bytes: `lower_integers(graph)`.

As in `cnnkit.graph.program`, from raw pixels to logits; images lie as [H][W][C]. What padding adds
to a layer's sums is in its bias, because a window's padding is filled with x's zero point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.convnet_match import image_size
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.quantised import add_factors, evaluate_qconcat, scale32
from cnnkit.graph.operators.windows import Window
from cnnkit.graph.passes.rewriting import drop_unused
from cnnkit.graph.program import movement
from cnnkit.graph.program.lowered import CHANNELS_LAST, Lowered
from cnnkit.graph.program.steps import Number, Place, Program, Value
from cnnkit.graph.quantised.bands import banded
from cnnkit.graph.quantised.room import ALIGNED, arranged, depthwise_room
from cnnkit.graph.quantised.tables import Tables
from cnnkit.graph.types import Array

REMEDY = "export this network with `--format onnx-int8`, or in float with `--format c`"
FLOAT32_DIGITS, DOUBLE_DIGITS = 24, 53  # of their mantissas, in bits


def lower_integers(
    graph: Graph,
    source: object = "the network",
    stored: Mapping[str, Array] | None = None,
    signed: Mapping[str, tuple[Array, Array, Array]] | None = None,
    bands: bool = False,
) -> Program:
    """Return an integer graph that has the contract as a program from raw pixels to logits.

    Sizes and offsets of its buffers are bytes; its result has no buffer.

    Args:
        graph: what `to_integers` made.
        source: the file that errors shall name.
        stored: arrays to pack instead of weights, by name.
        signed: factors of additions of int8, by their outputs, as `as_unsigned` returns them.
        bands: compute max-pools together with the convolutions before them, where that needs less
            memory.

    Raises:
        InputError: there are nodes that no kernel of integers computes; all of them are named.
    """
    graph = drop_unused(Graph(graph.inputs, graph.nodes, (LOGITS,), graph.tensors))
    if graph.inputs[INPUT].dtype != "uint8":
        raise InputError(source, "does not take raw pixels, uint8", REMEDY)
    lowered = Lowered(graph, stored or {})
    tables = Tables(graph)
    problems: list[InputError] = []
    for node in graph.nodes:
        lowered.title = node.title
        try:
            factors = (signed or {}).get(node.outputs[0])
            if factors:
                lower_add(lowered, node, factors)
            else:
                _lower(lowered, tables, node, image_size(graph, source))
        except InputError as error:
            problems.append(error)
            for name in node.outputs:
                lowered.name(name, lowered.new(lowered.shape(name), None))
        lowered.done(node)
    if problems:
        first = problems[0]
        others = [f"{error.subject}: {error.reason}" for error in problems[1:]]
        raise InputError(f"{source}, {first.subject}", first.reason, REMEDY, others)
    return _program(lowered, bands)


def _lower(lowered: Lowered, tables: Tables, node: Node, size: tuple[int, int, int]) -> None:
    """Lower one node; float ones that a table stands for do nothing themselves."""
    if node.operator == "QuantizeLinear":
        _lower_table(lowered, tables, node, size)
    elif node.outputs[0] in tables.inside:
        return
    elif node.operator in ROWS:
        ROWS[node.operator](lowered, node)
    else:
        raise node.refused("no kernel of integers computes it", REMEDY)


def _program(lowered: Lowered, bands: bool) -> Program:
    offsets, arena = arranged(lowered)
    if bands:
        other = banded(lowered)
        found = arranged(other)
        if found[1] < arena:
            lowered, (offsets, arena) = other, found
    result = lowered.values[LOGITS].place
    assert isinstance(result, int)
    return Program(
        tuple(lowered.steps), lowered.constants, tuple(lowered.sizes), offsets, arena, result
    )


def _lower_table(lowered: Lowered, tables: Tables, node: Node, size: tuple[int, int, int]) -> None:
    """Lower what is between bytes and QuantizeLinear as a table of its results."""
    source, table = tables.of(node)
    channels = len(table)
    per_channel = bool(np.any(table != table[:1]))
    stored = np.ascontiguousarray(table if per_channel else table[:1]).ravel()
    step = 256 if per_channel else 0
    if source == INPUT:
        identity = not per_channel and np.array_equal(stored, np.arange(256))
        place = None if identity else lowered.constant("table", stored)
        y = lowered.new(size, CHANNELS_LAST)
        fields: dict[str, Number] = {"channels": size[0], "area": size[1] * size[2], "step": step}
        lowered.call("pixels", fields, (place, None), y)
    else:
        x = lowered.values[source]
        if per_channel:
            x = lowered.images(node.__class__("Identity", (source,), node.outputs))
        y = x if lowered.is_last_reader(node, x) else lowered.new(x.shape, x.order)
        fields = {"count": x.size, "channels": channels if per_channel else 1, "step": step}
        lowered.call("table", fields, (lowered.constant("table", stored), x.place), y)
        y = Value(x.shape, x.order, y.place, x.images)
    lowered.name(node.outputs[0], y)


def _parts(lowered: Lowered, node: Node, *indices: int) -> list[Array]:
    return [lowered.graph.tensors[node.inputs[index]] for index in indices]


def _zero(lowered: Lowered, node: Node, index: int) -> int:
    zero = lowered.graph.tensors[node.inputs[index]]
    if zero.dtype != np.uint8 or zero.size != 1:
        raise node.refused(f"its zero point is {zero.dtype}{list(zero.shape)}, not uint8")
    return int(zero.reshape(()))


def _weights(lowered: Lowered, node: Node, bias_at: int) -> tuple[Array, Array, int]:
    """Return a layer's weight, what is added to its sums, and x's zero point."""
    weight, zeros = _parts(lowered, node, 3, 5)
    if weight.dtype != np.int8 or np.any(zeros):
        raise node.refused("its weights are not int8 around 0")
    zero = _zero(lowered, node, 2)
    sums = weight.reshape(len(weight), -1).astype(np.int64).sum(axis=1)
    bias = -zero * sums
    if len(node.inputs) > bias_at and node.inputs[bias_at]:
        bias = bias + lowered.graph.tensors[node.inputs[bias_at]]
    amounts = np.abs(weight.reshape(len(weight), -1).astype(np.int64)).sum(axis=1)
    if bias.size and (np.abs(bias) + 255 * amounts).max() > np.iinfo(np.int32).max:
        raise node.refused("its sums may have more than 32 bits")
    return lowered.parameter(node.inputs[3]), bias.astype(np.int32), zero


def _factor(lowered: Lowered, node: Node, channels: int, of_y: int | None) -> Array:
    """Return what sums are multiplied by, float32 [K], computed as runtimes do."""
    arrays = [lowered.graph.tensors.get(name) for name in node.inputs]
    factor = scale32(arrays, 1) * scale32(arrays, 4).reshape(-1)
    if of_y is not None:
        factor = factor / scale32(arrays, of_y)
    if not np.isfinite(factor).all():
        raise node.refused("its scales are too far apart")
    return np.ascontiguousarray(np.broadcast_to(factor.astype(np.float32), (channels,)))


def lower_conv(lowered: Lowered, node: Node) -> None:
    """Lower QLinearConv, with room for what windows see."""
    x, window = lowered.images(node), Window.of(node.attributes)
    weight, bias, zero = _weights(lowered, node, 8)
    group, channels = node.attributes["group"], len(bias)
    y = lowered.new(lowered.shape(node.outputs[0]), CHANNELS_LAST)
    fields: dict[str, Number] = {}
    for name, plane in (("in", x.shape), ("out", y.shape)):
        fields |= {f"{name}_h": plane[1], f"{name}_w": plane[2], f"{name}_c": plane[0]}
    for name, pair in (
        ("kernel", window.kernel),
        ("stride", window.strides),
        ("pad", window.pads[:2]),
        ("dilation", window.dilations),
    ):
        fields |= {f"{name}_{axis}": value for axis, value in zip("hw", pair, strict=True)}
    fields |= {"groups": group, "zero": zero, "zero_y": _zero(lowered, node, 7), "block": 0}
    depthwise = group == x.shape[0] == channels > 1
    if depthwise:
        packed = weight.transpose(2, 3, 0, 1).ravel()
        size = depthwise_room(window, channels, y.shape[2])
    else:
        packed = _in_fours(weight.transpose(0, 2, 3, 1).reshape(channels, -1))
        size = ALIGNED  # with its block
    room: Place = lowered.new((size,), None).place if size else None
    constants = (
        lowered.constant("weight", packed),
        lowered.constant("bias", bias),
        lowered.constant("factor", _factor(lowered, node, channels, 6)),
    )
    macc = y.size * weight[0].size
    lowered.call("depthwise" if depthwise else "conv", fields, (*constants, x.place, room), y, macc)
    lowered.name(node.outputs[0], y)


def _in_fours(rows: Array) -> Array:
    """Return rows with zeros behind each, so that they have a multiple of four bytes."""
    return np.pad(rows, [(0, 0), (0, -rows.shape[1] % ALIGNED)]).ravel()


def lower_gemm(lowered: Lowered, node: Node) -> None:
    """Lower QGemm: to bytes, or to the logits."""
    weight, bias, _ = _weights(lowered, node, 6)
    x, rows = lowered.values[node.inputs[0]], len(bias)
    if x.images:
        weight = weight.reshape(rows, *x.images).transpose(0, 2, 3, 1).reshape(rows, -1)
    else:
        x = lowered.as_order(x, None)
    is_last = len(node.inputs) < 8
    if is_last and node.outputs[0] != LOGITS:
        raise node.refused("its result is float, and no logits", REMEDY)
    y = lowered.new((0,) if is_last else (rows,), None)
    constants = (
        lowered.constant("weight", weight.ravel()),
        lowered.constant("bias", bias),
        lowered.constant("factor", _factor(lowered, node, rows, None if is_last else 7)),
    )
    fields: dict[str, Number] = {"features": x.size, "outputs": rows}
    if not is_last:
        fields["zero_y"] = _zero(lowered, node, 8)
    shown = Value((rows,), (0,), y.place)
    lowered.call("scores" if is_last else "gemm", fields, (*constants, x.place), shown, weight.size)
    lowered.name(node.outputs[0], shown)


def lower_add(
    lowered: Lowered, node: Node, signed: tuple[Array, Array, Array] | None = None
) -> None:
    """Lower QLinearAdd, in place where nothing else needs one of its inputs."""
    x, z = (lowered.values[node.inputs[index]] for index in (0, 3))
    if x.images or z.images:
        x, z = (lowered.as_order(value, None) for value in (x, z))
    z = lowered.as_order(z, x.order)
    for index in (2, 5, 7):
        _zero(lowered, node, index)
    arrays = [lowered.graph.tensors.get(name) for name in node.inputs]
    left, right, rest = signed or add_factors(arrays)
    if not _fit_in_doubles(float(left), float(right), float(rest)):
        raise node.refused("its scales are too far apart")
    free = [value for value in (x, z) if lowered.is_last_reader(node, value)]
    y = Value(x.shape, x.order, free[0].place) if free else lowered.new(x.shape, x.order)
    fields: dict[str, Number] = {"count": x.size}
    fields |= {
        name: float(number)
        for name, number in zip(("left", "right", "rest"), (left, right, rest), strict=True)
    }
    lowered.call("signed_add" if signed else "add", fields, (x.place, z.place), y)
    lowered.name(node.outputs[0], y)


def _fit_in_doubles(left: float, right: float, rest: float) -> bool:
    """Tell whether doubles have all digits of a sum, so that every processor rounds it alike."""
    if not np.isfinite([left, right, rest]).all():
        return False
    largest = 256 * (abs(left) + abs(right)) + abs(rest)
    finest = max(number.as_integer_ratio()[1] for number in (left, right, rest))
    return bool(largest * finest <= 2.0**DOUBLE_DIGITS)


def lower_global(lowered: Lowered, node: Node) -> None:
    """Lower QLinearGlobalAveragePool."""
    x = lowered.images(node)
    y = lowered.new((x.shape[0], 1, 1), CHANNELS_LAST)
    of_x, of_y = (a.astype(np.float32).reshape(()) for a in _parts(lowered, node, 1, 3))
    area = math.prod(x.shape[1:])
    fields: dict[str, Number] = {"pixels": area, "channels": x.shape[0]}
    fields |= {"zero": _zero(lowered, node, 2), "zero_y": _zero(lowered, node, 4)}
    fields["factor"] = float(of_x / (of_y * np.float32(area)))
    lowered.call("average", fields, (x.place,), y)
    lowered.name(node.outputs[0], y)


def lower_pool(lowered: Lowered, node: Node) -> None:
    """Lower MaxPool of bytes, or QLinearAveragePool."""
    x, window = lowered.images(node), Window.of(node.attributes)
    y = lowered.new(lowered.shape(node.outputs[0]), CHANNELS_LAST)
    names = ("in_h", "in_w", "channels", "out_h", "out_w")
    sizes = (*x.shape[1:], x.shape[0], *y.shape[1:])
    fields: dict[str, Number] = dict(zip(names, sizes, strict=True))
    for name, pair in (
        ("kernel", window.kernel),
        ("stride", window.strides),
        ("pad", window.pads[:2]),
        ("end", window.pads[2:]),
        ("dilation", window.dilations),
    ):
        fields |= {f"{name}_{axis}": value for axis, value in zip("hw", pair, strict=True)}
    scales, zeros = [1.0, 1.0], [0, 0]
    if node.operator == "MaxPool":
        fields["average"] = 0
    else:
        fields["average"] = 2 if node.attributes["count_include_pad"] else 1
        scales = [float(a.reshape(())) for a in _parts(lowered, node, 1, 3)]
        if not _sums_exactly(scales[0], math.prod(window.kernel)):
            raise node.refused("its scale has too many digits for sums that are exact")
        zeros = [_zero(lowered, node, index) for index in (2, 4)]
    fields |= {"zero": zeros[0], "zero_y": zeros[1], "scale": scales[0], "scale_y": scales[1]}
    lowered.call("pool", fields, (x.place,), y)
    lowered.name(node.outputs[0], y)


def _sums_exactly(scale: float, count: int) -> bool:
    """Tell whether float32 holds all sums of so many multiples of a scale, up to 255 of it."""
    mantissa, _ = math.frexp(scale)
    digits = int(mantissa * 2**FLOAT32_DIGITS)
    odd = digits // (digits & -digits)
    return bool(odd * 255 * count < 2**FLOAT32_DIGITS)


def lower_concat(lowered: Lowered, node: Node) -> None:
    """Lower QLinearConcat: each part by a table of its bytes in y's scale, then to its place."""
    names: list[str] = []
    tensors = lowered.graph.tensors
    for index in range(2, len(node.inputs), 3):
        name, scale, zero = node.inputs[index : index + 3]
        everything = np.arange(256, dtype=np.uint8)
        arrays: list[Array | None] = [tensors[node.inputs[at]] for at in (0, 1)]
        parts = [*arrays, everything, tensors[scale], tensors[zero]]
        if any(array is None or array.size > 1 for array in (*arrays, *parts[3:])):
            raise node.refused("it has a scale for each channel")
        (table,) = evaluate_qconcat({"axis": 0}, parts, np.einsum)
        _zero(lowered, node, index + 2)
        _zero(lowered, node, 1)
        x = lowered.values[name]
        y = lowered.new(x.shape, x.order)
        fields: dict[str, Number] = {"count": x.size, "channels": 1, "step": 0}
        lowered.call("table", fields, (lowered.constant("table", table), x.place), y)
        made = f"{node.outputs[0]}.part{len(names)}"
        lowered.takers[made] = 1
        lowered.types[made] = lowered.types[name]
        lowered.name(made, Value(x.shape, x.order, y.place, x.images))
        names.append(made)
    joined = Node("Concat", tuple(names), node.outputs, node.attributes, node.name)
    movement.lower_concat(lowered, joined)


def lower_numbers(lowered: Lowered, node: Node) -> None:
    """Lower the DequantizeLinear that gives the logits."""
    if node.outputs[0] != LOGITS:
        raise node.refused("what follows computes in float", REMEDY)
    x = lowered.as_order(lowered.values[node.inputs[0]], None)
    (scale,) = _parts(lowered, node, 1)
    place = lowered.new((0,), None).place
    y = Value(x.shape, x.order, place)
    zero = _zero(lowered, node, 2)
    fields: dict[str, Number] = {"count": x.size, "zero": zero, "scale": float(scale.reshape(()))}
    lowered.call("numbers", fields, (x.place,), y)
    lowered.name(node.outputs[0], y)


MOVED = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Slice", "Split")
ROWS: Mapping[str, Callable[[Lowered, Node], None]] = {
    **{name: movement.ROWS[name] for name in MOVED},
    "QLinearConv": lower_conv,
    "QGemm": lower_gemm,
    "QLinearAdd": lower_add,
    "QLinearGlobalAveragePool": lower_global,
    "QLinearAveragePool": lower_pool,
    "QLinearConcat": lower_concat,
    "MaxPool": lower_pool,
    "DequantizeLinear": lower_numbers,
}
