"""What was recommended and not done: `choose(runs).best.rate`, and what stopping early costs.

Nothing here looks at the test images but to report: the validation loss chooses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnnkit.reproduce.sample import Run, Sample


@dataclass(frozen=True)
class Candidate:
    """One learning rate, trained with validation images and patience.

    Attributes:
        rate: the learning rate.
        runs: one a seed.
    """

    rate: float
    runs: Sequence[Run]

    @property
    def validation_loss(self) -> Sample:
        """Of each run's kept epoch; infinite for a run that kept none."""
        return Sample([run.kept["validation_loss"] if run.kept else math.inf for run in self.runs])

    @property
    def test_accuracy(self) -> Sample:
        """Of each run's kept epoch; 0 for a run that kept none."""
        return Sample([run.test_accuracy for run in self.runs])

    @property
    def epochs(self) -> list[int]:
        """How many each run took, patience included."""
        return [len(run.history) for run in self.runs]

    @property
    def seconds(self) -> float:
        """What all its runs cost."""
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
class Choice:
    """All candidates.

    Attributes:
        candidates: one a learning rate, in ascending order.
    """

    candidates: Sequence[Candidate]

    @property
    def best(self) -> Candidate:
        """That of the lowest mean validation loss."""
        return min(self.candidates, key=lambda candidate: candidate.validation_loss.mean)

    @property
    def published(self) -> Candidate:
        """The published learning rate, stopped early."""
        return self.candidates[0]

    def to_json(self) -> dict[str, Any]:
        """Return the choice as JSON values."""
        return {
            "chosen": self.best.rate,
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }


def choose(runs: Sequence[Run]) -> Choice:
    """Return the candidates among runs that were trained with validation images."""
    rates = sorted({run.learning_rate for run in runs})
    return Choice(
        [Candidate(rate, [run for run in runs if run.learning_rate == rate]) for rate in rates]
    )
