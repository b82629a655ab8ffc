"""Selecting a learning rate by validation loss: `select_learning_rate(runs).best.rate`.

The publication recommends this and early stopping, but does neither. Test accuracies are reported
here and play no part in the selection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnnkit.reproduce.statistics import Sample
from cnnkit.reproduce.trained_run import TrainedRun


@dataclass(frozen=True)
class Candidate:
    """One learning rate, trained with validation images and early stopping.

    Attributes:
        rate: the learning rate.
        runs: one per seed.
    """

    rate: float
    runs: Sequence[TrainedRun]

    @property
    def validation_loss(self) -> Sample:
        """Validation loss of each run's kept epoch; infinite if no epoch was kept."""
        return Sample([run.kept["validation_loss"] if run.kept else math.inf for run in self.runs])

    @property
    def test_accuracy(self) -> Sample:
        """Test accuracy of each run's kept epoch; 0 if no epoch was kept."""
        return Sample([run.test_accuracy for run in self.runs])

    @property
    def epochs(self) -> list[int]:
        """Number of epochs of each run, including the patience."""
        return [len(run.history) for run in self.runs]

    @property
    def seconds(self) -> float:
        """Training time of all its runs."""
        return sum(run.seconds for run in self.runs)

    def to_json(self) -> dict[str, Any]:
        """Return the candidate as JSON values, without the runs."""
        return {
            "learning_rate": self.rate,
            "validation_loss": [run.kept and run.kept["validation_loss"] for run in self.runs],
            "test_accuracy": list(self.test_accuracy.values),
            "epochs": self.epochs,
            "kept_epochs": [run.kept_epoch for run in self.runs],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class ModelSelection:
    """All candidates and the best one.

    Attributes:
        candidates: one per learning rate, in ascending order.
    """

    candidates: Sequence[Candidate]

    @property
    def best(self) -> Candidate:
        """The candidate with the lowest mean validation loss."""
        return min(self.candidates, key=lambda candidate: candidate.validation_loss.mean)

    @property
    def published(self) -> Candidate:
        """The published learning rate, here with early stopping."""
        return self.candidates[0]

    def to_json(self) -> dict[str, Any]:
        """Return the selection as JSON values."""
        return {
            "chosen": self.best.rate,
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }


def select_learning_rate(runs: Sequence[TrainedRun]) -> ModelSelection:
    """Group runs that were trained with validation images into candidates."""
    rates = sorted({run.learning_rate for run in runs})
    return ModelSelection(
        [Candidate(rate, [run for run in runs if run.learning_rate == rate]) for rate in rates]
    )
