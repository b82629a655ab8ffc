"""Statistics over runs: `Sample([0.071, 0.066, 0.074]).next_run`, `Spread.of(losses).growth`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
PART = 6  # a sixth of the epochs is early, a sixth late


@dataclass(frozen=True)
class Sample:
    """The same quantity in two or more runs."""

    values: Sequence[float]

    @property
    def mean(self) -> float:
        """The mean."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """The sample standard deviation (divided by n - 1); infinite if a value is not finite."""
        if not np.isfinite(self.values).all():
            return math.inf
        return float(np.std(self.values, ddof=1))

    @property
    def next_run(self) -> tuple[float, float]:
        """The `CONFIDENCE` prediction interval of one more run, for normally distributed runs."""
        count = len(self.values)
        reach = student_t(count - 1) * self.deviation * math.sqrt(1 + 1 / count)
        return self.mean - reach, self.mean + reach

    def text(self, form: Callable[[float], str]) -> str:
        """Return "mean ± standard deviation"."""
        return f"{form(self.mean)} ± {form(self.deviation)}"


@dataclass(frozen=True)
class Spread:
    """Standard deviations over runs, averaged over the first and the last sixth of the epochs.

    Attributes:
        early: of the loss, in the first sixth.
        late: of the loss, in the last sixth.
        relative_early: each epoch's deviation divided by its mean loss, in the first sixth.
        relative_late: the same, in the last sixth.
    """

    early: float
    late: float
    relative_early: float
    relative_late: float

    @classmethod
    def of(cls, losses: NDArray[np.float64]) -> Spread:
        """Return the spread of losses [runs, epochs]: at least two runs and `PART` epochs."""
        part = losses.shape[1] // PART
        deviation = losses.std(axis=0, ddof=1)
        relative = deviation / losses.mean(axis=0)
        return cls(
            *(float(values[where].mean()) for values in (deviation, relative)
              for where in (slice(part), slice(-part, None)))
        )  # fmt: skip

    @property
    def growth(self) -> float:
        """The late spread divided by the early one."""
        return self.late / self.early if self.early else float("inf")


@cache
def student_t(freedom: int) -> float:
    """Return the two-sided `CONFIDENCE` quantile of Student's t with `freedom` degrees of freedom.

    With t = √freedom tan θ the density becomes cos(θ)^(freedom-1), which a sum integrates.
    """
    pieces = 200_000
    angles = (np.arange(pieces) + 0.5) * (math.pi / 2 / pieces)
    inside = np.cumsum(np.cos(angles) ** (freedom - 1))
    angle = float(angles[np.searchsorted(inside, CONFIDENCE * inside[-1])])
    return math.sqrt(freedom) * math.tan(angle)
