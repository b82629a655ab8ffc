"""Classification metrics in plain NumPy: confusion matrix, per-class scores, paired tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class, from 0 to 1, and its support: the number of images with this label.

    A score whose denominator is 0 (precision of a class that is never predicted) is 0.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Count predictions: int64 [K, K] from two int64 [N]; rows are true classes."""
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def class_scores(confusion: NDArray[np.int64], names: list[str]) -> tuple[ClassScore, ...]:
    """Return each class's precision, recall and F1 from a confusion matrix [K, K]."""
    return _scores(confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1), names)


def scores_of(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], names: Sequence[str]
) -> tuple[ClassScore, ...]:
    """Return the same from labels and predictions [N], whose K x K matrix may be large."""
    right = labels[labels == predicted]
    correct, given, support = (
        np.bincount(each, minlength=len(names)) for each in (right, predicted, labels)
    )
    return _scores(correct, given, support, names)


def _scores(
    correct: NDArray[np.int64],
    predicted: NDArray[np.int64],
    support: NDArray[np.int64],
    names: Sequence[str],
) -> tuple[ClassScore, ...]:
    precision, recall = correct / np.maximum(predicted, 1), correct / np.maximum(support, 1)
    f1 = 2 * correct / np.maximum(predicted + support, 1)
    rows = zip(names, precision, recall, f1, support, strict=True)
    return tuple(ClassScore(n, float(p), float(r), float(f), int(s)) for n, p, r, f, s in rows)


UNEVEN = 1.5  # times as many images in the largest class as in the smallest


def balanced_accuracy(scores: Sequence[ClassScore]) -> float:
    """Return the mean recall of the classes that have images: each counts as much as another."""
    recalls = [score.recall for score in scores if score.support]
    return sum(recalls) / max(len(recalls), 1)


def is_uneven(scores: Sequence[ClassScore]) -> bool:
    """Return whether classes differ so much in size that accuracy alone says too little."""
    sizes = [score.support for score in scores]
    return max(sizes, default=0) > UNEVEN * min(sizes, default=0)


# Two float32 runtimes add the same products in different orders. Over 10,000 images the largest
# difference observed was 1e-6 of the largest logit; ten times that is more than rounding.
LOGIT_TOLERANCE = 1e-5  # relative to max(1, largest reference logit)


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test, which compares two classifiers.

    Args:
        only_first: number of cases that only the first classified correctly.
        only_second: number of cases that only the second classified correctly.

    Under the null hypothesis each such case is a fair coin toss (McNemar 1947; the exact form is
    the binomial test). It is computed in integers, so that no count overflows.
    """
    count, few = only_first + only_second, min(only_first, only_second)
    term = tail = 1
    for i in range(few):
        term = term * (count - i) // (i + 1)  # binomial(count, i + 1)
        tail += term
    return min(1.0, float(2 * tail / 2**count))


def paired_interval(only_first: int, only_second: int, count: int) -> tuple[float, float]:
    """Return a 95 % confidence interval of the difference of two accuracies on the same images.

    Args:
        only_first: number of images that only the first classified correctly.
        only_second: number of images that only the second classified correctly.
        count: number of all images.

    This is Wald's interval with half a case added to each cell of the 2×2 table, which keeps its
    coverage even if few images differ or none (Agresti and Min, Statistics in Medicine 24, 2005).
    """
    first, second, n = only_first + 0.5, only_second + 0.5, count + 2
    difference = (first - second) / n
    half = 1.959964 * math.sqrt(first + second - (first - second) ** 2 / n) / n
    return difference - half, difference + half


def share_interval(right: int, count: int) -> tuple[float, float]:
    """Return a 95 % confidence interval of a share by Wilson (JASA 22, 1927)."""
    z = 1.959964
    share, scale = right / count, 1 + z * z / count
    middle = (share + z * z / (2 * count)) / scale
    half = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
