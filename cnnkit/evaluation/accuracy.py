"""How good a model is: `evaluate(load("mnist.onnx"), load_dataset("mnist").test).accuracy`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.errors import InputError, MissingError
from cnnkit.metrics import ClassScore, balanced_accuracy, class_scores, confusion_matrix
from cnnkit.runtimes.classifier import Classifier
from cnnkit.runtimes.model import Model
from cnnkit.system.display import page, summary

BATCH = 1000  # bounds the memory of the activations; outputs do not depend on it


@dataclass(frozen=True)
class Evaluation:
    """A model's predictions for a labelled set.

    Attributes:
        accuracy: the share of images whose label is right, 0 to 1.
        confusion: int64 [K, K], rows the true class, columns the predicted one.
        per_class: K rows.
    """

    accuracy: float
    confusion: NDArray[np.int64]
    per_class: tuple[ClassScore, ...]

    def __repr__(self) -> str:
        images = int(self.confusion.sum())
        return summary(self, f"accuracy {self.accuracy:.2%}", f"{images:,} images")

    def _repr_html_(self) -> str:
        rows = [
            (s.name, f"{s.precision:.4f}", f"{s.recall:.4f}", f"{s.f1:.4f}", s.support)
            for s in self.per_class
        ]
        head = ("class", "precision", "recall", "F1", "support")
        return page(f"accuracy {self.accuracy:.2%}", head, rows)

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values."""
        return {
            "accuracy": self.accuracy,
            "balanced_accuracy": balanced_accuracy(self.per_class),
            "images": int(self.confusion.sum()),
            "confusion": self.confusion.tolist(),
            "per_class": [asdict(score) for score in self.per_class],
        }


def evaluate(model: Model | Classifier, split: Split) -> Evaluation:
    """Run a model on a labelled set.

    Raises:
        InputError: the set is empty, or its images or labels do not fit the model.
    """
    classes, taken = model.weights.classes, model.weights.size
    found = split.images.shape[1:]
    problem = ""
    if not len(split.labels):
        problem = "is empty"
    elif found != taken:
        problem = f"has images of {list(found)}; the model takes {list(taken)}"
    elif split.labels.max() >= classes:
        problem = f"has labels beyond the model's {classes} classes"
    if problem:
        remedy = "choose the data that the model was trained for with --dataset or --data"
        raise InputError("the data", problem, remedy)
    predicted = [
        model(split.images[start : start + BATCH]).label
        for start in range(0, len(split.images), BATCH)
    ]
    confusion = confusion_matrix(split.labels, np.concatenate(predicted), classes)
    return Evaluation(
        float(confusion.trace() / confusion.sum()), confusion, class_scores(confusion, model.names)
    )


def draw(evaluation: Evaluation, picture: Path) -> list[Path]:
    """Draw the confusion matrix beside `picture`, as .png and .svg, and return the two paths.

    Raises:
        MissingError: Matplotlib is not installed.
        StorageError: a picture cannot be written.
    """
    if find_spec("matplotlib") is None:
        raise MissingError.package("matplotlib", "drawing a picture")
    from cnnkit.plots import plot_confusion

    stem = picture.with_suffix("") if picture.suffix in (".png", ".svg") else picture
    plot_confusion(evaluation.confusion, [score.name for score in evaluation.per_class], stem)
    return [stem.with_name(stem.name + suffix) for suffix in (".png", ".svg")]
