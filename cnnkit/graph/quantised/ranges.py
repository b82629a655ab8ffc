"""How much of a value's range its integers cover, by several methods: `METHODS["mse"](values)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.quantised.statistics import Values

Range = tuple[float, float]
LEVELS = 255  # steps of 8 bits
SHARE = 99.99  # per cent of the numbers that a percentile covers
SHRUNK = np.linspace(1.0, 0.25, 31)  # shares of the whole range that are tried
BINS = 2048


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


def _best(values: Values, loss: Callable[[NDArray[np.float64], Range], float]) -> Range:
    if values.low == values.high:
        return whole(values)
    tried = [(values.low * share, values.high * share) for share in SHRUNK]
    return min(tried, key=lambda range: loss(values.samples, range))


def _squared_error(samples: NDArray[np.float64], range: Range) -> float:
    step = (range[1] - range[0]) / LEVELS
    rounded = np.clip(np.rint((samples - range[0]) / step), 0, LEVELS) * step + range[0]
    return float(np.square(samples - rounded).mean())


def _divergence(samples: NDArray[np.float64], range: Range) -> float:
    """Return how far the numbers' distribution is from that of the rounded and clipped ones."""
    inside = samples[(samples >= range[0]) & (samples <= range[1])]
    counts = np.histogram(inside, BINS, range)[0].astype(np.float64)
    clipped = np.histogram(np.clip(samples, *range), BINS, range)[0].astype(np.float64)
    level = np.arange(BINS) * (LEVELS + 1) // BINS
    filled = (counts > 0).astype(np.float64)
    sums, used = np.bincount(level, counts), np.bincount(level, filled)
    spread = filled * (sums / np.maximum(used, 1))[level]
    if not spread.sum():
        return np.inf
    p, q = clipped / clipped.sum(), spread / spread.sum()
    where = p > 0
    return float((p[where] * np.log(p[where] / np.maximum(q[where], 1e-9))).sum())
