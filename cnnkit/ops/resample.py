"""Pictures in another size, with Pillow's bytes: `resample(picture, across, down)`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core

if TYPE_CHECKING:
    from PIL.Image import Image

ONE = 2**22  # the taps are in fixed point

Axis = _core.ResampleAxis


@lru_cache(1024)
def bilinear(old: int, new: int, start: float, end: float) -> Axis:
    """Return what makes `new` pixels of those between `start` and `end` of `old` ones.

    That is Pillow's bilinear filter, which widens for a smaller picture, computed in its order of
    operations.

    Returns:
        The first pixel of each sum, and the weights of it and of those that follow.
    """
    low, high = np.float32(start), np.float32(end)
    scale = float(high - low) / new
    support = max(scale, 1.0)
    centres = float(low) + (np.arange(new) + 0.5) * scale
    begin = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    stop = np.minimum((centres + support + 0.5).astype(np.int64), old)
    most = int((stop - begin).max())
    first = np.minimum(begin, old - most)  # weights of 0 before the first pixel of the sum
    pixels = first[:, None] + np.arange(most)
    distances = (pixels - centres[:, None] + 0.5) * (1.0 / support)
    weights = np.maximum(1.0 - np.abs(distances), 0.0)
    weights[(pixels < begin[:, None]) | (pixels >= stop[:, None])] = 0.0
    totals = np.cumsum(weights, axis=1)[:, -1:]  # one after the other, unlike np.sum
    taps = np.floor(weights / totals * ONE + 0.5).astype(np.int32)
    return Axis(first.astype(np.int32), taps, old)


def resample(picture: Image, across: Axis, down: Axis) -> NDArray[np.uint8] | None:
    """Return a picture resampled along its rows and then along its columns, uint8 [C, H, W].

    Args:
        picture: of mode "L" or "RGB".
        across: how its width changes.
        down: how its height changes.

    Returns:
        None where Pillow's release does not show where its pixels are (it does since 11.2), or
        where a large picture is in several blocks of memory.
    """
    shown: Any = getattr(picture, "__arrow_c_array__", None)
    if shown is None:
        return None
    try:
        _, pixels = shown()
    except ValueError:
        return None
    return _core.resample(pixels, across, down)
