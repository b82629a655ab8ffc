"""The reference implementations in float64: slow and simple."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Size = int | Sequence[int]
Activation = str | Sequence[float]


def conv_relu_pool_ref(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    stride: Size = 1,
    padding: Size = 0,
    pool_kernel: Size = 2,
    pool_stride: Size | None = None,
    pool_padding: Size = 0,
) -> NDArray[np.float64]:
    """Compute `conv_relu_pool` in float64, with NumPy alone."""
    return conv2d_ref(
        x,
        weight,
        bias,
        stride=stride,
        padding=padding,
        activation="relu",
        pool_kernel=pool_kernel,
        pool_stride=pool_stride,
        pool_padding=pool_padding,
    )


def conv2d_ref(
    x: NDArray[Any],
    weight: NDArray[Any],
    bias: NDArray[Any] | None = None,
    residual: NDArray[Any] | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    activation: Activation = "none",
    pool_kernel: Size | None = None,
    pool_stride: Size | None = None,
    pool_padding: Size = 0,
) -> NDArray[np.float64]:
    """Compute `Conv2d` in float64, with NumPy alone."""
    images = np.pad(x.astype(np.float64), _margins(padding))
    windows = np.split(_windows(images, weight.shape[2:], stride, dilation), groups, axis=1)
    weights = np.split(weight.astype(np.float64), groups)
    sums = np.concatenate(
        [np.einsum("nchwij,ocij->nohw", *pair) for pair in zip(windows, weights, strict=True)],
        axis=1,
    )
    if bias is not None:
        sums += bias.astype(np.float64)[:, None, None]
    if residual is not None:
        sums += residual.astype(np.float64)
    y = _activate(sums, activation)
    if pool_kernel is None:
        return y
    padded = np.pad(y, _margins(pool_padding), constant_values=-np.inf)
    pool_stride = pool_kernel if pool_stride is None else pool_stride
    return np.asarray(_windows(padded, _pair(pool_kernel), pool_stride).max(axis=(4, 5)))


def _activate(sums: NDArray[np.float64], activation: Activation) -> NDArray[np.float64]:
    """Apply the activation; NaN stays."""
    if activation == "none":
        return sums
    if activation == "relu":
        return np.where(sums < 0, 0.0, sums)
    low, high = map(float, activation)
    return np.minimum(np.maximum(sums, low), high)


def _pair(size: Size) -> tuple[int, int]:
    rows, columns = (size, size) if isinstance(size, int) else size
    return rows, columns


def _margins(padding: Size) -> list[tuple[int, int]]:
    """Return what np.pad takes, of an int, a pair, or four: top, left, bottom, right."""
    sides = (padding, padding) if isinstance(padding, int) else tuple(padding)
    top, left, bottom, right = sides if len(sides) == 4 else sides * 2
    return [(0, 0), (0, 0), (top, bottom), (left, right)]


def _windows(
    x: NDArray[np.float64], kernel: Sequence[int], stride: Size, dilation: Size = 1
) -> NDArray[np.float64]:
    """Return every window of x [N, C, H, W] as [N, C, rows, columns, kernel rows, columns]."""
    apart = _pair(dilation)
    reach = tuple((taps - 1) * step + 1 for taps, step in zip(kernel, apart, strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    rows, columns = _pair(stride)
    return windows[:, :, ::rows, ::columns, :: apart[0], :: apart[1]]
