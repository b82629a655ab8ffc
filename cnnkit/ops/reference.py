"""The reference implementation of the fused operator in float64: slow and simple."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Size = int | Sequence[int]


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
    images = np.pad(x.astype(np.float64), _margins(padding))
    windows = _windows(images, weight.shape[2:], stride)
    sums = np.einsum("nchwij,ocij->nohw", windows, weight.astype(np.float64))
    if bias is not None:
        sums += bias.astype(np.float64)[:, None, None]
    activations = np.where(sums < 0, 0.0, sums)  # NaN stays
    padded = np.pad(activations, _margins(pool_padding), constant_values=-np.inf)
    pool_stride = pool_kernel if pool_stride is None else pool_stride
    return np.asarray(_windows(padded, _pair(pool_kernel), pool_stride).max(axis=(4, 5)))


def _pair(size: Size) -> tuple[int, int]:
    rows, columns = (size, size) if isinstance(size, int) else size
    return rows, columns


def _margins(padding: Size) -> list[tuple[int, int]]:
    rows, columns = _pair(padding)
    return [(0, 0), (0, 0), (rows, rows), (columns, columns)]


def _windows(x: NDArray[np.float64], kernel: Sequence[int], stride: Size) -> NDArray[np.float64]:
    """Return every window of x [N, C, H, W] as [N, C, rows, columns, kernel rows, columns]."""
    windows = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel), axis=(2, 3))
    rows, columns = _pair(stride)
    return windows[:, :, ::rows, ::columns]
