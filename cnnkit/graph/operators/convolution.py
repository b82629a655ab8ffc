"""Conv, ConvTranspose and BatchNormalization (inference), of any number of spatial axes."""

from __future__ import annotations

from functools import partial

import numpy as np

from cnnkit.graph.operators import blas
from cnnkit.graph.operators.base import (
    Arrays,
    Attributes,
    Constants,
    Einsum,
    Operator,
    Types,
    at,
    floating,
    need,
    tensor,
)
from cnnkit.graph.operators.columns import PRODUCT, convolved
from cnnkit.graph.operators.windows import DEFAULTS, Window, fixed, output_sizes, padded, view
from cnnkit.graph.types import Array, Shape, TensorType


def infer_conv(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x [N, C, H, W] convolved with w [O, C/group, kernel H, kernel W]."""
    x, w = floating(types, 0), floating(types, 1)
    window, group = Window.of(attributes), attributes["group"]
    sizes = output_sizes(window, x)
    need(w.dtype == x.dtype, f"its weight is {w}, and its input {x}")
    need(
        w.shape[2:] == window.kernel and len(w.shape) == len(x.shape),
        f"its weight is {w}, and its kernel_shape {list(window.kernel)}",
    )
    channels, outputs = x.shape[1], w.shape[0]
    need(
        isinstance(channels, int) and isinstance(outputs, int) and outputs > 0 and group > 0,
        f"its input {x} and its weight {w} in {group} groups do not make a convolution",
    )
    assert isinstance(channels, int)
    assert isinstance(outputs, int)
    need(outputs % group == 0, f"its {outputs} output channels do not divide into {group} groups")
    need(
        w.shape[1] == channels // group and channels % group == 0,
        f"its weight takes {w.shape[1]} channels in each of {group} groups, its input has "
        f"{channels}",
    )
    if len(types) > 2 and types[2] is not None:
        bias = floating(types, 2)
        need(bias == TensorType(x.dtype, (outputs,)), f"its bias is {bias}, not [{outputs}]")
    return [tensor(x.dtype, (x.shape[0], outputs, *sizes))]


def evaluate_conv(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Cross-correlate, group by group, and add the bias."""
    window = Window.of(attributes)
    x, weight = view(padded(at(inputs, 0), window, 0), window), at(inputs, 1)
    product = np.matmul if einsum is blas.einsum else partial(einsum, PRODUCT)
    y = convolved(x, weight, attributes["group"], product)
    if len(inputs) > 2 and inputs[2] is not None:
        y = y + per_channel(at(inputs, 2), y.ndim)
    return [y]


def infer_transposed(
    attributes: Attributes, types: Types, constants: Constants
) -> list[TensorType]:
    """Return the type of x [N, C, H, W] spread by w [C, O/group, kernel H, kernel W]."""
    x, w = floating(types, 0), floating(types, 1)
    window, group, more = Window.of(attributes), attributes["group"], attributes["output_padding"]
    rank = len(window.kernel)
    need(len(x.shape) == len(w.shape) == rank + 2 and rank > 0, f"its input is {x}, its weight {w}")
    need(w.dtype == x.dtype, f"its weight is {w}, and its input {x}")
    need(w.shape[2:] == window.kernel, f"its weight is {w}, its kernel_shape {window.kernel}")
    lengths = (len(window.strides), len(window.dilations), len(more), len(window.pads) // 2)
    need(set(lengths) == {rank}, f"its strides, dilations or pads are not of {rank} axes")
    need(min(window.kernel + window.strides + window.dilations) > 0, "one of its sizes is 0")
    need(min(window.pads + more) >= 0, "it has negative pads")
    channels, each = x.shape[1], w.shape[1]
    known = isinstance(channels, int) and isinstance(each, int) and group > 0
    need(known and w.shape[0] == channels, f"its weight is {w}, and its input {x}")
    need(known and int(channels) % group == 0 and each != 0, f"it has {group} groups of {channels}")
    outputs = int(each) * group
    if len(types) > 2 and types[2] is not None:
        bias = floating(types, 2)
        need(bias == TensorType(x.dtype, (outputs,)), f"its bias is {bias}, not [{outputs}]")
    sizes = transposed_sizes(attributes, fixed(x.shape[2:]))
    need(min(sizes) > 0, f"nothing is left of its input {x}")
    return [tensor(x.dtype, (x.shape[0], outputs, *sizes))]


def transposed_sizes(attributes: Attributes, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the spatial sizes after a ConvTranspose."""
    window, more = Window.of(attributes), attributes["output_padding"]
    rank = len(sizes)
    pads = zip(window.pads[:rank], window.pads[rank:], strict=True)
    rows = zip(sizes, window.strides, window.extents, more, pads, strict=True)
    return tuple((s - 1) * stride + extent + m - sum(p) for s, stride, extent, m, p in rows)


def evaluate_transposed(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Add each element times the kernel to its place, cut the padding off, and add the bias."""
    x, weight, window = at(inputs, 0), at(inputs, 1), Window.of(attributes)
    group, rank = attributes["group"], len(window.kernel)
    sizes = transposed_sizes(attributes, x.shape[2:])
    whole = [
        size + before + after
        for size, before, after in zip(sizes, window.pads[:rank], window.pads[rank:], strict=True)
    ]
    y = np.zeros((len(x), weight.shape[1] * group, *whole))
    sides = list(zip(x.shape[2:], window.strides, window.dilations, strict=True))
    for position in np.ndindex(*window.kernel):
        places = tuple(
            slice(tap * dilation, tap * dilation + (size - 1) * stride + 1, stride)
            for tap, (size, stride, dilation) in zip(position, sides, strict=True)
        )
        parts = zip(np.split(x, group, 1), np.split(weight, group), strict=True)
        made = [einsum("nc...,co->no...", part, w[(..., *position)]) for part, w in parts]
        y[(slice(None), slice(None), *places)] += np.concatenate(made, axis=1)
    inside = tuple(slice(p, p + size) for p, size in zip(window.pads[:rank], sizes, strict=True))
    y = y[(slice(None), slice(None), *inside)]
    bias = inputs[2] if len(inputs) > 2 else None
    return [y if bias is None else y + per_channel(bias, y.ndim)]


def infer_batch_norm(
    attributes: Attributes, types: Types, constants: Constants
) -> list[TensorType]:
    """Return the type of x [N, C, ...] normalised by four arrays [C]."""
    x = floating(types, 0)
    need(len(x.shape) >= 2, f"its input is {x}, without channels")
    channels: Shape = x.shape[1:2]
    for index in range(1, 5):
        found = floating(types, index)
        need(found.shape == channels, f"its input {index} is {found}, not {list(channels)}")
    return [x]


def evaluate_batch_norm(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return (x - mean) / √(variance + ε) * scale + shift."""
    x = at(inputs, 0)
    scale, shift, mean, variance = (per_channel(at(inputs, i), x.ndim) for i in range(1, 5))
    return [(x - mean) / np.sqrt(variance + attributes["epsilon"]) * scale + shift]


def per_channel(values: Array, rank: int) -> Array:
    """Return values [C] as they are broadcast over [N, C, ...]."""
    return values.reshape(-1, *[1] * (rank - 2))


OPERATORS = {
    "Conv": Operator({**DEFAULTS, "group": 1}, infer_conv, evaluate_conv, (2, 3)),
    "ConvTranspose": Operator(
        {**DEFAULTS, "group": 1, "output_padding": (0, 0)},
        infer_transposed,
        evaluate_transposed,
        (2, 3),
    ),
    "BatchNormalization": Operator(
        {"epsilon": 1e-5},
        infer_batch_norm,
        evaluate_batch_norm,
        (5, 5),
    ),
}
