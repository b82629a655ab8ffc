"""Strokes of a width like MNIST's, and their place in the image: `place(even_out(ink), size)`.

A digit that is cropped to its ink has no outline where the picture ends: `soften(ink, cut)`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.digit.planes import Plane, average_areas, box_of, highest, lowest

FIT = 20 / 28  # of the output's sides, for the ink
THINNEST = 0.08  # of the ink's longer side
THICKEST = 0.19  # of the same
TIE = 1e-6  # pixels: a centre of mass between two pixels is the second's, however sums are rounded
FADED = 0.25  # of the strongest ink: where an outline ends
FINE = 64  # pixels of the longer side: below, a pixel is too much to take away


def stroke_width(ink: Plane) -> float:
    """Return twice the area of the strokes divided by their outline, over the longer side."""
    inside = np.pad(ink >= 0.5, 1)
    middle = inside[1:-1, 1:-1]
    inner = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    outline = (middle & ~inner).sum()
    return float(2 * middle.sum() / (max(ink.shape) * max(1, outline)))


def even_out(ink: Plane) -> Plane:
    """Dilate strokes thinner than any in MNIST, once scaled to 20 pixels; erode bold ones."""
    while stroke_width(ink) < THINNEST:
        ink = highest(np.pad(ink, 1), 1)
    while max(ink.shape) >= FINE and stroke_width(ink) > THICKEST:
        thinner = lowest(np.pad(ink, 1), 1)
        if (thinner >= 0.5).sum() < 0.25 * (ink >= 0.5).sum():
            break
        ink = crop(thinner)
    return ink


def soften(ink: Plane, cut: tuple[bool, bool, bool, bool]) -> Plane:
    """Return `ink` with an outline as soft as its others where the picture's edge cuts it off.

    Without, a tight crop has square ends, and the digit comes out larger than with a margin.

    Args:
        ink: in its bounding box.
        cut: whether the picture ends at its top, bottom, left and right.
    """
    inside = ink >= 0.5
    steps = int((inside[1:] != inside[:-1]).sum() + (inside[:, 1:] != inside[:, :-1]).sum())
    width = round(int(((ink > 0) & ~inside).sum()) / max(1, steps))
    if not width or not any(cut):
        return ink
    top, bottom, left, right = (width * each for each in cut)
    wider = np.pad(ink, ((top, bottom), (left, right)), mode="edge")
    wider *= _fade(wider.shape[0], top, bottom)[:, None]
    wider *= _fade(wider.shape[1], left, right)
    return crop(np.where(wider > FADED, wider, 0))


def _fade(count: int, first: int, last: int) -> NDArray[np.float64]:
    """Return factors that rise from 0 to 1 over twice `first`, and fall again over twice `last`."""
    places = np.arange(count) + 0.5
    rising = places / (2 * first) if first else np.ones(count)
    falling = (count - places) / (2 * last) if last else np.ones(count)
    return np.minimum(1, np.minimum(rising, falling))


def crop(ink: Plane) -> Plane:
    """Return the bounding box of the ink."""
    top, bottom, left, right = box_of(ink > 0)
    return ink[top:bottom, left:right]


def place(ink: Plane, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale `ink` to fit and place its centre of mass in the middle of uint8 [H, W].

    It is resampled by area averaging so that the longer side is 20/28 of the output's; the maximum
    becomes 255, and the pixel that contains the centre of mass pixel (H // 2, W // 2), as in all of
    MNIST, or as close to that as it fits.
    """
    scale = min(side * FIT / have for side, have in zip(size, ink.shape, strict=True))
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    small = average_areas(ink, height, width)
    small *= 255 / small.max()
    result = np.zeros(size, np.uint8)
    corner = []
    for axis, (have, full) in enumerate(zip(small.shape, size, strict=True)):
        mass = small.sum(axis=1 - axis)
        centre = float((mass * (np.arange(have) + 0.5)).sum() / mass.sum())
        corner.append(min(max(full // 2 - int(centre + TIE), 0), full - have))
    top, left = corner
    result[top : top + height, left : left + width] = np.rint(small)
    return result
