"""How good a model is: `evaluate(load("mnist.onnx"), load_dataset("mnist").test).accuracy`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.classifier import Classifier
from cnnkit.data import Split
from cnnkit.errors import InputError, MissingError
from cnnkit.runtimes import Model

BATCH = 1000  # bounds the memory of the activations; answers do not depend on it


@dataclass(frozen=True)
class ClassScore:
    """One class's row: shares from 0 to 1, and how many images have this label.

    A share with nothing to divide by (a class that is never predicted, say) is 0.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Evaluation:
    """A model's answers to a labelled set.

    Attributes:
        accuracy: the share of images whose label is right, 0 to 1.
        confusion: int64 [K, K], rows the true class, columns the answer.
        per_class: K rows.
    """

    accuracy: float
    confusion: NDArray[np.int64]
    per_class: tuple[ClassScore, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values."""
        return {
            "accuracy": self.accuracy,
            "images": int(self.confusion.sum()),
            "confusion": self.confusion.tolist(),
            "per_class": [asdict(score) for score in self.per_class],
        }


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Count answers by true class: int64 [K, K] from two int64 [N]; rows are the true classes."""
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def class_scores(confusion: NDArray[np.int64], names: list[str]) -> tuple[ClassScore, ...]:
    """Return each class's precision, recall and F1 from a confusion matrix [K, K]."""
    hits, answers, support = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    precision, recall = hits / np.maximum(answers, 1), hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(answers + support, 1)
    rows = zip(names, precision, recall, f1, support, strict=True)
    return tuple(ClassScore(n, float(p), float(r), float(f), int(s)) for n, p, r, f, s in rows)


def evaluate(model: Model | Classifier, split: Split) -> Evaluation:
    """Let a model answer a labelled set.

    Raises:
        InputError: the set is empty, or its images or labels do not fit the model.
    """
    classes = model.architecture.classes
    if not len(split.labels) or split.labels.max() >= classes:
        raise InputError(
            "the data",
            "is empty"
            if not len(split.labels)
            else f"has labels beyond the model's {classes} classes",
            "choose the data that the model was trained for with --dataset or --data",
        )
    answers = [
        model(split.images[start : start + BATCH]).label
        for start in range(0, len(split.images), BATCH)
    ]
    confusion = confusion_matrix(split.labels, np.concatenate(answers), classes)
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
