"""Weights in the order in which the kernels read them: `pack(weight, groups)`.

Nothing is computed, so that arrays of anything can be packed, and what a file holds be told apart.
"""

from __future__ import annotations

import numpy as np

from cnnkit.graph.types import Array

WIDTHS = (16, 8)  # of blocks of output channels; the last one is 8 wide where that is enough


def blocks(channels: int) -> list[tuple[int, int]]:
    """Return the first channel and the width of each block."""
    found, at = [], 0
    while at < channels:
        found.append((at, WIDTHS[0] if channels - at > WIDTHS[1] else WIDTHS[1]))
        at += found[-1][1]
    return found


def pack(weight: Array, groups: int = 1) -> Array:
    """Return a weight [K, C / groups, H, W] as [group][block][H][W][C / groups][width].

    That of a depthwise convolution, [K, 1, H, W], is packed as one group.
    """
    parts = []
    for group in np.split(weight, groups):
        for first, width in blocks(len(group)):
            part = _padded(group[first : first + width], width)
            parts.append(part.transpose(2, 3, 1, 0).ravel())
    return np.concatenate(parts)


def pack_bias(bias: Array | None, channels: int, groups: int = 1) -> Array:
    """Return a bias [K] with as many values for each block as it is wide."""
    values = np.zeros(channels, np.float32) if bias is None else bias
    parts = [
        _padded(group[first : first + width], width)
        for group in np.split(values, groups)
        for first, width in blocks(len(group))
    ]
    return np.concatenate(parts)


def _padded(array: Array, width: int) -> Array:
    """Return an array with zeros behind it along the first axis."""
    return np.pad(array, [(0, width - len(array)), *[(0, 0)] * (array.ndim - 1)])
