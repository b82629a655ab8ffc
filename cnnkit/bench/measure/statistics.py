"""Medians with distribution-free intervals, and what follows: `compare_speed(ratio, noise)`."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
Comparison = Literal["faster", "slower", "no difference"]


class Interval(NamedTuple):
    """A median and the interval that contains the true median with `CONFIDENCE`."""

    median: float
    low: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """Return the same interval in another unit."""
        return Interval(self.median * factor, self.low * factor, self.high * factor)


def interval_rank(samples: int) -> int:
    """Return the k for which [k-th smallest, k-th largest] contains the median with `CONFIDENCE`.

    The number of samples below the median is Binomial(samples, 1/2), whatever their distribution
    (Conover, Practical Nonparametric Statistics, section 3.2). 0 means too few samples.
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
    """Return the median of the ratios of each round, in which a slow round cancels out."""
    return median_interval(numerator / denominator)


def noise_floor(control: NDArray[np.float64], subject: NDArray[np.float64]) -> float:
    """Return how far from 1 a ratio may lie when the same code is timed against itself.

    0.02 means that ratios between 1/1.02 and 1.02 show no difference.
    """
    ratio = paired_ratio(control, subject)
    return max(ratio.high, 1.0 / ratio.low, 1.0) - 1.0


def compare_speed(ratio: Interval, noise: float) -> Comparison:
    """Return what the subject is, given `ratio` = the other's time / the subject's time.

    There is a difference only if the whole interval lies beyond the noise floor.
    """
    if ratio.low > 1.0 + noise:
        return "faster"
    if ratio.high < 1.0 / (1.0 + noise):
        return "slower"
    return "no difference"
