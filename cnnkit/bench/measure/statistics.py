"""Medians with intervals that assume nothing of the noise; `verdict(ratio, noise)`."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
Verdict = Literal["faster", "slower", "no difference"]


class Interval(NamedTuple):
    """A median and the interval that holds the true one with `CONFIDENCE`."""

    median: float
    low: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """Return the same interval in another unit."""
        return Interval(self.median * factor, self.low * factor, self.high * factor)


def interval_rank(samples: int) -> int:
    """Return the k for which [k-th smallest, k-th largest] holds the median with `CONFIDENCE`.

    The number of samples below the median is Binomial(samples, 1/2), whatever their distribution
    (Conover, Practical Nonparametric Statistics, section 3.2). 0 means that there are too few.
    """
    below, rank = 0.0, 0
    for k in range(samples):
        below += math.comb(samples, k) * 0.5**samples
        if below > (1.0 - CONFIDENCE) / 2.0:
            break
        rank = k + 1
    return rank


FEWEST_ROUNDS = next(n for n in range(1, 100) if interval_rank(n))


def median_interval(samples: NDArray[np.float64]) -> Interval:
    """Return the median of `samples` [rounds] with its order-statistic interval.

    Raises:
        ValueError: fewer than `FEWEST_ROUNDS` samples.
    """
    rank = interval_rank(len(samples))
    if not rank:
        raise ValueError(f"{len(samples)} samples are fewer than {FEWEST_ROUNDS}")
    ordered = np.sort(samples)
    return Interval(float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[-rank]))


def paired_ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> Interval:
    """Return the median of the round-by-round ratios: what slows a whole round cancels."""
    return median_interval(numerator / denominator)


def noise_floor(twin: NDArray[np.float64], subject: NDArray[np.float64]) -> float:
    """Return how far from 1 a ratio may lie although the same code was timed against itself.

    0.02 means that ratios between 1/1.02 and 1.02 say nothing.
    """
    ratio = paired_ratio(twin, subject)
    return max(ratio.high, 1.0 / ratio.low, 1.0) - 1.0


def verdict(ratio: Interval, noise: float) -> Verdict:
    """Judge the subject by `ratio` = other's time / subject's time.

    The whole interval must lie beyond the noise floor for a difference to be called one.
    """
    if ratio.low > 1.0 + noise:
        return "faster"
    if ratio.high < 1.0 / (1.0 + noise):
        return "slower"
    return "no difference"
