"""Gradients of the fused operator where a value is infinite or NaN: `special_gradients(...)`.

The kernels visit only the pixels at the max-pool indices; PyTorch multiplies all others by zero,
which is NaN if they are not finite. Legend of shape letters: N images, C channels, H rows,
W columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

NONE = 255  # the max-pool index of a window in which ReLU gave zero


def are_finite(*tensors: Tensor) -> bool:
    """Tell whether all values are finite; false, too, where only their sum is not."""
    return all(math.isfinite(float(tensor.sum())) for tensor in tensors)


def special_gradients(
    grad: Tensor,
    x: Tensor,
    indices: Tensor,
    weight: Tensor,
    sizes: Sequence[Sequence[int]],
    want_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return dx (empty unless `want_dx`), dw and db, computed by PyTorch.

    Args:
        grad: the output's gradient, [N, C_out, pooled rows, pooled columns].
        x: [N, C_in, H, W].
        indices: the max-pool indices, uint8 within the window, of the output's shape.
        weight: [C_out, C_in, kernel rows, kernel columns].
        sizes: five pairs: stride, padding, pool_kernel, pool_stride, pool_padding.
        want_dx: whether dx is wanted.
    """
    stride, padding, pool_kernel, pool_stride, pool_padding = sizes
    rows, columns = (
        (x.shape[2 + i] + 2 * padding[i] - weight.shape[2 + i]) // stride[i] + 1 for i in (0, 1)
    )
    taken, has = indices.long(), indices != NONE
    row, column = (
        torch.arange(indices.shape[2 + i]) * pool_stride[i] - pool_padding[i] for i in (0, 1)
    )
    row = row[:, None] + taken // pool_kernel[1]
    position = (row * columns + column + taken % pool_kernel[1]).where(has, 0)
    between = grad.new_zeros(*indices.shape[:2], rows * columns)
    between.scatter_add_(2, position.flatten(2), grad.where(has, 0).flatten(2))
    dx, dw, db = torch.ops.aten.convolution_backward(
        *(between.view(*indices.shape[:2], rows, columns), x, weight, [weight.shape[0]]),
        *(list(stride), list(padding), [1, 1], False, [0, 0], 1, [want_dx, True, True]),
    )
    return dx if want_dx else x.new_empty(0), dw, db
