"""MaxPool, AveragePool and GlobalAveragePool, of any number of spatial axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnkit.graph.operators.base import (
    Arrays,
    Attributes,
    Constants,
    Einsum,
    Operator,
    Types,
    at,
    floating,
    given,
    need,
    serial_mean,
    tensor,
)
from cnnkit.graph.operators.windows import DEFAULTS, Window, fixed, output_sizes, padded, view
from cnnkit.graph.types import Array, TensorType, count

# Weights in a file bound a convolution's work; only these bound that of a damaged pool.
LARGEST_WINDOW = 2**16  # elements
MOST_WORK = 2**28  # elements of all windows of one image


def infer_pool(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of windows over x [N, C, H, W]."""
    x, window = given(types, 0), Window.of(attributes)
    need(x.dtype != "bool", f"its input is {x}")
    sizes = output_sizes(window, x)
    pads = zip(window.pads, 2 * window.extents, strict=True)
    need(all(pad < extent for pad, extent in pads), "a window lies in its padding entirely")
    found = tensor(x.dtype, (*x.shape[:2], *sizes))
    area = math.prod(window.kernel)
    small = area <= LARGEST_WINDOW and count(found.shape) * area <= MOST_WORK
    need(small, f"its window {list(window.kernel)} is too large", "use a smaller one")
    return [found]


def infer_average(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the averages, which only floating-point numbers have."""
    floating(types, 0)
    return infer_pool(attributes, types, constants)


def evaluate_max(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the largest of each window; padding is smaller than any number."""
    return [max_pool(at(inputs, 0), Window.of(attributes))]


def max_pool(x: Array, window: Window) -> Array:
    """Return the largest element of each window of x [N, C, H, W]."""
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return over_windows(np.maximum, view(padded(x, window, lowest), window), window)


def evaluate_average(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return each window's sum by its number of elements, those of the padding counted or not.

    What a last window reaches beyond the padding (ceil_mode) never counts.
    """
    x, window = at(inputs, 0), Window.of(attributes)
    full, rank = padded(x, window, 0), len(window.kernel)
    sides = zip(window.pads[:rank], window.pads[rank:], strict=True)
    counted = np.pad(
        np.ones((1, 1, *x.shape[2:])),
        [(0, 0), (0, 0), *sides],
        constant_values=attributes["count_include_pad"],
    )
    beyond = zip(full.shape[2:], counted.shape[2:], strict=True)
    counted = np.pad(counted, [(0, 0), (0, 0), *((0, want - has) for want, has in beyond)])
    sums, counts = (over_windows(np.add, view(a, window), window) for a in (full, counted))
    return [sums / counts]


def over_windows(function: Any, windows: Array, window: Window) -> Array:
    """Return a binary function of all elements of each window, one position after another."""
    positions = np.ndindex(window.kernel)
    found: Array = windows[(..., *next(positions))].copy()
    for position in positions:
        function(found, windows[(..., *position)], out=found)
    return found


def infer_global(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return [N, C, 1, 1] for x [N, C, H, W]."""
    x = floating(types, 0)
    need(len(x.shape) > 2, f"its input is {x}, without spatial axes")
    return [tensor(x.dtype, (*x.shape[:2], *[1] * len(fixed(x.shape[2:]))))]


def evaluate_global(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the mean of each channel."""
    x = at(inputs, 0)
    return [x.mean(axis=tuple(range(2, x.ndim)), keepdims=True)]


def rough_global(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the mean of each channel, added up one pixel after another."""
    x = at(inputs, 0)
    return [serial_mean(x, range(2, x.ndim))]


def evaluate_global_max(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the largest element of each channel."""
    x = at(inputs, 0)
    return [x.max(axis=tuple(range(2, x.ndim)), keepdims=True)]


POOL = {**DEFAULTS, "ceil_mode": 0}
OPERATORS = {
    "MaxPool": Operator(POOL, infer_pool, evaluate_max),
    "AveragePool": Operator({**POOL, "count_include_pad": 0}, infer_average, evaluate_average),
    "GlobalAveragePool": Operator({}, infer_global, evaluate_global, rough=rough_global),
    "GlobalMaxPool": Operator({}, infer_global, evaluate_global_max),
}
