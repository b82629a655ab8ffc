"""Planes of pixels: resampling, sliding maxima, connected components.

A plane is float64 [H, W]; a mask is bool [H, W].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]  # [H, W]
Mask = NDArray[np.bool_]  # [H, W]
Numbers = NDArray[np.int64]
Box = tuple[int, int, int, int]  # first row, row after the last, first column, column after


def average_areas(plane: Plane, height: int, width: int) -> Plane:
    """Resample to [height, width]: each output pixel is the mean of the area that it covers."""

    def weights(old: int, new: int) -> Plane:  # [new, old], rows sum to 1
        edges = np.arange(new + 1) * (old / new)
        left, right = np.arange(old), np.arange(1, old + 1)
        overlap = np.minimum(edges[1:, None], right) - np.maximum(edges[:-1, None], left)
        return np.asarray(np.maximum(overlap, 0) * (new / old))

    down, across = weights(plane.shape[0], height), weights(plane.shape[1], width)
    return down @ plane @ across.T


def enlarge(plane: Plane, factor: int) -> Plane:
    """Enlarge by a whole factor with Catmull-Rom's cubic; pixels beyond the edge repeat it."""

    def weights(old: int) -> Plane:  # [old * factor, old], rows sum to 1
        result = np.zeros((old * factor, old))
        at = (np.arange(old * factor) + 0.5) / factor - 0.5
        first = np.floor(at).astype(int)
        t = at - first
        cubic = (
            ((2 - t) * t - 1) * t / 2,
            ((3 * t - 5) * t * t + 2) / 2,
            ((4 - 3 * t) * t + 1) * t / 2,
            (t - 1) * t * t / 2,
        )
        for shift, share in enumerate(cubic):
            np.add.at(result, (np.arange(len(at)), np.clip(first + shift - 1, 0, old - 1)), share)
        return result

    return np.clip(weights(plane.shape[0]) @ plane @ weights(plane.shape[1]).T, 0, 255)


def highest(plane: Plane, reach: int) -> Plane:
    """Return the maximum of the square of 2 `reach` + 1 pixels around each pixel."""
    for _ in range(2):
        plane = highest_of_rows(plane, reach).T
    return plane


def lowest(plane: Plane, reach: int) -> Plane:
    """Return the minimum of the square of 2 `reach` + 1 pixels around each pixel."""
    return -highest(-plane, reach)


def highest_of_rows(plane: Plane, reach: int) -> Plane:
    """Return the maximum of the 2 `reach` + 1 pixels around each pixel in its row."""
    width = plane.shape[1]
    padded = np.pad(plane, ((0, 0), (reach, reach)), constant_values=-np.inf)
    span, window = 1, 2 * reach + 1
    while 2 * span <= window:  # `padded` holds the maxima of `span` pixels from each on
        padded = np.maximum(padded[:, :-span], padded[:, span:])
        span *= 2
    return np.maximum(padded[:, :width], padded[:, window - span : window - span + width])


def smooth(plane: Plane) -> Plane:
    """Return the mean of the 3x3 pixels around each pixel."""
    padded = np.pad(plane, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9


@dataclass(frozen=True)
class Components:
    """The connected components (8 neighbours) of a mask, as runs of pixels in its rows.

    Attributes:
        shape: the mask's.
        count: how many components there are; they are numbered from 1.
        number: of each run's component [N].
        rows, starts, ends: of each run, its row, first column and the one after its last [N].
    """

    shape: tuple[int, int]
    count: int
    number: Numbers
    rows: Numbers
    starts: Numbers
    ends: Numbers

    @property
    def labels(self) -> Numbers:
        """The components' numbers as a plane [H, W], 0 outside."""
        height, width = self.shape
        labels = np.zeros((height, width + 1), np.int64)
        labels[self.rows, self.starts] = self.number
        labels[self.rows, self.ends] = -self.number
        return labels.cumsum(axis=1)[:, :width]


def components(mask: Mask) -> Components:
    """Return the connected components: a run joins those of the row above that touch it."""
    height, width = mask.shape
    padded = np.zeros((height, width + 2), bool)
    padded[:, 1:-1] = mask
    edges = np.flatnonzero(padded.ravel()[1:] != padded.ravel()[:-1])
    first, last = edges[::2], edges[1::2]  # of each run, in reading order
    line = width + 2
    touching = np.searchsorted(last, first - line)
    counts = np.searchsorted(first, last - line, "right") - touching
    counts[: np.searchsorted(first, line)] = 0
    run = np.repeat(np.arange(len(first)), counts)
    above = np.arange(len(run)) + np.repeat(touching - np.cumsum(counts) + counts, counts)
    roots, number = np.unique(_join(len(first), run, above), return_inverse=True)
    rows = first // line
    return Components(
        (height, width), len(roots), number + 1, rows, first - line * rows, last - line * rows
    )


def _join(count: int, one: Numbers, other: Numbers) -> Numbers:
    """Return of each of `count` things the first that pairs of things connect it to."""
    root = np.arange(count)
    while len(one):
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(root, above := root[root]):
            root = above
        one, other = root[one], root[other]
        apart = one != other
        one, other = one[apart], other[apart]
    return root


def box_of(mask: Mask) -> Box:
    """Return the bounding box of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
