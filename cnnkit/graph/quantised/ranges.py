"""How much of a value's range its integers cover, by several methods: `METHODS["mse"](values)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.quantised.statistics import Values

Range = tuple[float, float]


class Histogram(NamedTuple):
    """How often numbers come, for equal parts of a range: the middle of each, and its count."""

    numbers: NDArray[np.float64]
    counts: NDArray[np.float64]


LEVELS = 255  # steps of 8 bits
SHARE = 99.99  # per cent of the numbers that a percentile covers
SHRUNK = np.linspace(1.0, 0.25, 31)  # shares of the whole range that are tried
BINS = 8192


def whole(values: Values) -> Range:
    """Return the range of all numbers (min-max)."""
    return values.low, values.high


def percentile(values: Values) -> Range:
    """Return the range of almost all numbers."""
    low, high = np.percentile(values.samples, (100 - SHARE, SHARE))
    return max(values.low, min(0.0, float(low))), min(values.high, max(0.0, float(high)))


def least_squares(values: Values) -> Range:
    """Return the range with the smallest mean squared error of rounding and clipping."""
    return _best(values, _squared_error)


def least_divergence(values: Values) -> Range:
    """Return the range that keeps the distribution best (smallest Kullback-Leibler divergence)."""
    return _best(values, _divergence)


METHODS: Mapping[str, Callable[[Values], Range]] = {
    "min-max": whole,
    "percentile": percentile,
    "mse": least_squares,
    "entropy": least_divergence,
}


def _best(values: Values, loss: Callable[[Histogram, Range], float]) -> Range:
    if values.low == values.high:
        return whole(values)
    counts, edges = np.histogram(values.samples, BINS, whole(values))
    numbers = (edges[1:] + edges[:-1]) / 2
    numbers[np.searchsorted(edges, 0.0) - 1] *= edges[0] < 0  # zeros are exact, and frequent
    histogram = Histogram(numbers, counts.astype(np.float64))
    tried = [(values.low * share, values.high * share) for share in SHRUNK]
    return min(tried, key=lambda range: loss(histogram, range))


def _squared_error(histogram: Histogram, range: Range) -> float:
    step = (range[1] - range[0]) / LEVELS
    levels = np.clip(np.rint((histogram.numbers - range[0]) / step), 0, LEVELS)
    off = histogram.numbers - (levels * step + range[0])
    return float(np.square(off) @ histogram.counts)


def _divergence(histogram: Histogram, range: Range) -> float:
    """Return how far the numbers' distribution is from that of the rounded and clipped ones."""
    inside = (histogram.numbers >= range[0]) & (histogram.numbers <= range[1])
    counts = histogram.counts[inside]
    if not counts.sum():
        return np.inf
    share = (histogram.numbers[inside] - range[0]) / (range[1] - range[0])
    level = np.minimum((share * (LEVELS + 1)).astype(np.int64), LEVELS)
    clipped = counts.copy()
    clipped[0] += histogram.counts[histogram.numbers < range[0]].sum()
    clipped[-1] += histogram.counts[histogram.numbers > range[1]].sum()
    sums, used = np.bincount(level, counts), np.bincount(level, counts > 0)
    spread = (counts > 0) * (sums / np.maximum(used, 1))[level]
    p, q = clipped / clipped.sum(), spread / spread.sum()
    where = p > 0
    return float((p[where] * np.log(p[where] / np.maximum(q[where], 1e-9))).sum())
