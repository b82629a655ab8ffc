"""Planes of pixels: resampling, sliding maxima, connected components.

A plane is float64 [H, W]; a mask is bool [H, W].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]  # [H, W]
Mask = NDArray[np.bool_]  # [H, W]
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


def label(mask: Mask) -> tuple[NDArray[np.int64], int]:
    """Number the connected components (8 neighbours) from 1: labels [H, W], 0 outside; their count.

    Components are sets of runs: a run joins those of the row above that touch it.
    """
    height, width = mask.shape
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    first_of_row = np.searchsorted(rows, np.arange(height + 1)).tolist()
    start, end = starts.tolist(), ends.tolist()
    for row in range(1, height):
        above, last_above = first_of_row[row - 1], first_of_row[row]
        for run in range(first_of_row[row], first_of_row[row + 1]):
            while above < last_above and end[above] < start[run]:
                above += 1
            touching = above
            while touching < last_above and start[touching] <= end[run]:
                parent[root(touching)] = root(run)
                touching += 1
    roots = [root(run) for run in range(len(rows))]
    numbers = {each: number for number, each in enumerate(dict.fromkeys(roots), 1)}
    labels = np.zeros((height, width + 1), np.int64)
    number = np.array([numbers[each] for each in roots], np.int64)
    np.add.at(labels, (rows, starts), number)
    np.add.at(labels, (rows, ends), -number)
    return labels.cumsum(axis=1)[:, :width], len(numbers)


def box_of(mask: Mask) -> Box:
    """Return the bounding box of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
