"""A shadow with a straight edge across a picture: `relit(grey)` returns the picture without it.

Its edge steps from one light to another along a straight line and does not return, and what lies on
both sides of it, paper or ink, has levels in one ratio. No stroke is like that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.digit.planes import Plane, smooth

DARKEST, LIGHTEST = 0.2, 0.88  # of the light beside it: a shadow
LEAST_STEP = 20.0  # grey levels
PART = 0.08  # of the picture's border, on either side of the edge
DEEP = 0.2  # of the picture's longer side: a shadow is wider than a stroke, and so is the light
OWN = 0.9  # of either part of the border: as light as that part rather than as the other
WIDTHS = (1.5, 3.0, 6.0)  # pixels from the middle of the edge, in which light changes
SAME = 0.12  # of the light: levels on both sides of the edge, in one light
AGREEING = 0.55  # of the edge: the rest has strokes along it
IN_SIGHT = 0.8  # of the edge: both sides lie in the picture


@dataclass(frozen=True)
class Edge:
    """The edge of a shadow.

    Attributes:
        point: where it begins at the picture's border, y and x.
        along: the unit vector to where it ends.
        normal: the unit vector across it, into the shadow.
        length: from border to border.
    """

    point: NDArray[np.float64]
    along: NDArray[np.float64]
    normal: NDArray[np.float64]
    length: float

    def distances(self, height: int, width: int) -> Plane:
        """Return the distance of each pixel from the edge; it is positive in the shadow."""
        down = (np.arange(height) - self.point[0]) * self.normal[0]
        across = (np.arange(width) - self.point[1]) * self.normal[1]
        return np.asarray(down[:, None] + across)


def relit(grey: Plane) -> Plane:
    """Return grey levels [H, W] as if no shadow with a straight edge lay across the picture."""
    calm = smooth(grey)
    edge = find_edge(calm)
    if edge is None:
        return grey
    far = edge.distances(*grey.shape)
    if min(far.max(), -far.min()) < DEEP * max(grey.shape):
        return grey
    found = [(*light_in_shadow(calm, edge, width), width) for width in WIDTHS]
    agreeing, ratio, width = max(found, key=lambda each: each[0])
    if agreeing < AGREEING:
        return grey
    levels = np.where(far > 0, np.minimum(grey / ratio, 255), grey)
    # Whole levels, as in a picture: sums of them are exact, in any order.
    return np.rint(without_edge(levels, edge, far, width))


def border(plane: Plane) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the pixels around a picture, clockwise, and where they are, [N, 2]."""
    height, width = plane.shape
    rows, columns = np.arange(height - 1), np.arange(width - 1)
    places = [
        np.stack([0 * columns, columns], axis=1),
        np.stack([rows, 0 * rows + width - 1], axis=1),
        np.stack([0 * columns + height - 1, width - 1 - columns], axis=1),
        np.stack([height - 1 - rows, 0 * rows], axis=1),
    ]
    at = np.concatenate(places)
    return plane[at[:, 0], at[:, 1]], at.astype(float)


def find_edge(calm: Plane) -> Edge | None:
    """Return the line between the two places where the border's level steps; None without them."""
    if min(calm.shape) < 4:
        return None
    levels, at = border(calm)
    count = len(levels)
    first, last = two_steps(levels)
    inside = np.zeros(count, bool)
    inside[first:last] = True
    if not PART * count <= last - first <= (1 - PART) * count:
        return None
    one, other = float(np.median(levels[inside])), float(np.median(levels[~inside]))
    if abs(one - other) < LEAST_STEP:
        return None
    nearer = np.abs(levels - one) < np.abs(levels - other)
    if nearer[inside].mean() < OWN or 1 - nearer[~inside].mean() < OWN:
        return None
    start, end = (at[first - 1] + at[first]) / 2, (at[last - 1] + at[last % count]) / 2
    length = float(np.sqrt(((end - start) ** 2).sum()))
    if length < 1:
        return None
    along = (end - start) / length
    # Clockwise, what lies between the start and the end is on the left of the way from the start.
    left = np.array([-along[1], along[0]])
    return Edge(start, along, left if one < other else -left, length)


def two_steps(levels: NDArray[np.float64]) -> tuple[int, int]:
    """Return the part of a circle whose mean differs most from the rest's, weighted by lengths."""
    count = len(levels)
    sums = np.concatenate([[0.0], np.cumsum(levels - levels[0])])
    best, part = -1.0, (0, count)
    for first in range(1, count):
        length = np.arange(1, count - first + 1)
        inside = sums[first + 1 :] - sums[first]
        gain = (inside * count - sums[-1] * length) ** 2 / (length * (count - length))
        last = int(np.argmax(gain))
        if gain[last] > best:
            best, part = float(gain[last]), (first, first + 1 + last)
    return part


def light_in_shadow(calm: Plane, edge: Edge, width: float) -> tuple[float, float]:
    """Return on how much of an edge both sides have one ratio, and the light in the shadow.

    The light beside it is 1; 0 of the edge if its two sides cannot be a shadow's.
    """
    way = np.arange(int(edge.length)) + 0.5
    points = edge.point + way[:, None] * edge.along
    sides = [np.floor(points + sign * width * edge.normal + 0.5) for sign in (-1, 1)]
    seen = np.all([(side >= 0) & (side < calm.shape) for side in sides], axis=(0, 2))
    if seen.mean() < IN_SIGHT:
        return 0.0, 1.0
    light, dark = (calm[tuple(side[seen].astype(int).T)] for side in sides)
    ratio = float(np.median(dark / np.maximum(light, 1)))
    if not DARKEST <= ratio <= LIGHTEST:
        return 0.0, 1.0
    same = np.abs(dark / ratio - light) <= SAME * np.quantile(light, 0.9)
    return float(same.mean()), ratio


def without_edge(levels: Plane, edge: Edge, far: Plane, width: float) -> Plane:
    """Return levels with those within `width` of the edge interpolated across it."""
    result = levels.copy()
    reach = width + 1
    near = np.argwhere(np.abs(far) <= width)
    distance = far[near[:, 0], near[:, 1]]
    foot = near - distance[:, None] * edge.normal
    last = np.array(levels.shape) - 1
    sides = [
        np.clip(np.floor(foot + sign * reach * edge.normal + 0.5), 0, last).astype(int)
        for sign in (-1, 1)
    ]
    light, dark = (levels[side[:, 0], side[:, 1]] for side in sides)
    share = (distance + reach) / (2 * reach)
    result[near[:, 0], near[:, 1]] = light + (dark - light) * share
    return result
