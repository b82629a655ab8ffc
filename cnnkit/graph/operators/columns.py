"""Convolutions as products of matrices: `convolved(windows, weight, group, np.matmul)`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnnkit.graph.types import Array

HELD = 1 << 20  # bytes of windows at once, which stay in the processor's cache
PRODUCT = "gok,ngkp->ngop"  # np.einsum adds up in the order of k, for many p at once


def convolved(
    windows: Array, weight: Array, group: int, product: Callable[[Array, Array], Array]
) -> Array:
    """Return windows [N, C, *space, *kernel] times weight [O, C / group, *kernel]: [N, O, *space].

    Windows are copied for a few images at a time into columns that a matrix is multiplied by, which
    is ten times as fast as summing over the windows where they are.
    """
    axes = weight.ndim - 2
    count, space = len(windows), windows.shape[2 : 2 + axes]
    inner = windows.transpose(0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    rows = weight.reshape(group, len(weight) // group, -1)
    columns = (group, rows.shape[2], math.prod(space))
    part = max(1, HELD // max(1, math.prod(columns) * windows.itemsize))
    held = np.empty((min(part, count), *columns), windows.dtype)
    y = np.empty((count, group, rows.shape[1], columns[2]), windows.dtype)
    for first in range(0, count, part):
        some = inner[first : first + part]
        np.copyto(held[: len(some)].reshape(some.shape), some)
        y[first : first + part] = product(rows, held[: len(some)])
    return y.reshape(count, len(weight), *space)
