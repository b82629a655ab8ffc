"""Is the network good? Accuracy on labelled data, and predictions for single pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.evaluation.accuracy import Evaluation as Evaluation
    from cnnkit.evaluation.accuracy import evaluate as evaluate
    from cnnkit.evaluation.dataset import load_dataset_of as load_dataset_of
    from cnnkit.evaluation.prediction import predict as predict

__all__ = ["Evaluation", "evaluate", "load_dataset_of", "predict"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Evaluation": ".accuracy",
        "evaluate": ".accuracy",
        "load_dataset_of": ".dataset",
        "predict": ".prediction",
    },
)
