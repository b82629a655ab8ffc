"""How far runs lie apart, early and late: `Spread.of(losses).growth`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PART = 6  # a sixth of the epochs is early, a sixth late


@dataclass(frozen=True)
class Spread:
    """Standard deviations over runs, averaged over the first and the last sixth of the epochs.

    Attributes:
        early: of the loss, early.
        late: of the loss, late.
        relative_early: each epoch's divided by its mean loss, early.
        relative_late: the same, late.
    """

    early: float
    late: float
    relative_early: float
    relative_late: float

    @classmethod
    def of(cls, losses: NDArray[np.float64]) -> Spread:
        """Return the spread of losses [runs, epochs], two runs and `PART` epochs or more."""
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
