"""One training of a reproduction, as the report sees it: `TrainedRun.read(outcome)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.runs.state import read_state
from cnnkit.train.jobs.pool import Outcome


@dataclass(frozen=True)
class TrainedRun:
    """One training.

    Attributes:
        learning_rate: Adam's.
        seed: the run's seed.
        history: one record per complete epoch, as in metrics.jsonl.
        epochs: the planned number of epochs, which early stopping or divergence may undercut.
        kept_epoch: the epoch whose weights were kept; 0 if no epoch was completed.
        constant: the class that these weights predict for every test image, if it is always one.
        diverged: whether the loss or a parameter became NaN or infinite.
    """

    learning_rate: float
    seed: int
    history: Sequence[dict[str, Any]]
    epochs: int
    kept_epoch: int
    constant: str | None = None
    diverged: bool = False

    @classmethod
    def read(cls, outcome: Outcome) -> TrainedRun:
        """Return the run of an outcome, from its folder."""
        state, config = read_state(outcome.folder), outcome.config
        predicted = np.flatnonzero(state.confusion.sum(axis=0))
        constant = state.dataset["names"][predicted[0]] if len(predicted) == 1 else None
        return cls(
            config.learning_rate, config.seed, outcome.history, config.epochs, outcome.kept_epoch,
            constant, outcome.diverged,
        )  # fmt: skip

    @property
    def complete(self) -> bool:
        """Whether it was trained for all planned epochs."""
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
        """The test accuracy of the kept weights, 0 to 1; 0 if none were kept."""
        return float(self.kept["test_accuracy"]) if self.kept else 0.0

    @property
    def seconds(self) -> float:
        """Duration of its training steps."""
        return float(sum(record["seconds"] for record in self.history))

    def to_json(self) -> dict[str, Any]:
        """Return the run as JSON values."""
        return {**vars(self), "history": list(self.history), "seconds": round(self.seconds, 3)}
