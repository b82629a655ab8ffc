"""Runs and what several of them say: `Sample([0.071, 0.066, 0.074]).next_run`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.runs.state import read_state
from cnnkit.train.jobs.pool import Outcome

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        learning_rate: Adam's.
        seed: the run's.
        history: one record per complete epoch, as in metrics.jsonl.
        epochs: how many it was to have at most.
        kept_epoch: the epoch whose weights were kept; 0 if no epoch was complete.
        constant: the class that these weights answer for every test image, if it is always one.
        diverged: the loss or a parameter became NaN or infinite.
    """

    learning_rate: float
    seed: int
    history: Sequence[dict[str, Any]]
    epochs: int
    kept_epoch: int
    constant: str | None = None
    diverged: bool = False

    @classmethod
    def read(cls, outcome: Outcome) -> Run:
        """Return the run that ended so."""
        state, config = read_state(outcome.folder), outcome.config
        answered = np.flatnonzero(state.confusion.sum(axis=0))
        constant = state.dataset["names"][answered[0]] if len(answered) == 1 else None
        return cls(
            config.learning_rate, config.seed, outcome.history, config.epochs, outcome.kept_epoch,
            constant, outcome.diverged,
        )  # fmt: skip

    @property
    def complete(self) -> bool:
        """Whether it has every epoch that it could have."""
        return len(self.history) == self.epochs

    @property
    def losses(self) -> NDArray[np.float64]:
        """The mean training loss of each complete epoch."""
        return np.array([record["train_loss"] for record in self.history])

    @property
    def kept(self) -> dict[str, Any] | None:
        """The record of the epoch whose weights were kept."""
        return self.history[self.kept_epoch - 1] if self.kept_epoch else None

    @property
    def test_accuracy(self) -> float:
        """That of the kept weights, 0 to 1; 0 if none were kept."""
        return float(self.kept["test_accuracy"]) if self.kept else 0.0

    @property
    def seconds(self) -> float:
        """How long its training steps took."""
        return float(sum(record["seconds"] for record in self.history))

    def to_json(self) -> dict[str, Any]:
        """Return the run as JSON values."""
        return {**vars(self), "history": list(self.history), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class Sample:
    """The same quantity of two runs or more."""

    values: Sequence[float]

    @property
    def mean(self) -> float:
        """The mean."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """The sample standard deviation (divided by n - 1); infinite if a value is."""
        if not np.isfinite(self.values).all():
            return math.inf
        return float(np.std(self.values, ddof=1))

    @property
    def next_run(self) -> tuple[float, float]:
        """Where one more run would lie with `CONFIDENCE`, if runs vary normally (Student's t)."""
        count = len(self.values)
        reach = student_t(count - 1) * self.deviation * math.sqrt(1 + 1 / count)
        return self.mean - reach, self.mean + reach

    def text(self, form: Callable[[float], str]) -> str:
        """Return "mean ± standard deviation"."""
        return f"{form(self.mean)} ± {form(self.deviation)}"


@cache
def student_t(freedom: int) -> float:
    """Return the two-sided `CONFIDENCE` quantile of Student's t with `freedom` degrees.

    With t = √freedom tan θ the density becomes cos(θ)^(freedom-1), which a sum integrates.
    """
    pieces = 200_000
    angles = (np.arange(pieces) + 0.5) * (math.pi / 2 / pieces)
    inside = np.cumsum(np.cos(angles) ** (freedom - 1))
    angle = float(angles[np.searchsorted(inside, CONFIDENCE * inside[-1])])
    return math.sqrt(freedom) * math.tan(angle)
