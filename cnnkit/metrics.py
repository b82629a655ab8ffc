"""Statistics of classifiers in plain NumPy: confusion matrices, scores, paired tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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


# Two float32 runtimes add the same products in different orders. Over 10,000 images their logits
# were seen to differ by up to 1e-6 of the largest one; ten times that is no longer rounding.
LOGIT_TOLERANCE = 1e-5  # of the largest reference logit, which counts as 1 if it is smaller


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Return McNemar's exact two-sided p from how many cases only one of two got right.

    Under the null hypothesis each such case is a fair coin (McNemar 1947; the exact form is the
    binomial test). Computed in whole numbers, so that no count overflows.
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
        only_first: how many images only the first got right.
        only_second: how many only the second.
        count: how many images there are.

    Wald's interval with half a case added to each cell of the 2×2 table, which holds its level
    where few images differ or none (Agresti and Min, Statistics in Medicine 24, 2005).
    """
    first, second, n = only_first + 0.5, only_second + 0.5, count + 2
    difference = (first - second) / n
    half = 1.959964 * math.sqrt(first + second - (first - second) ** 2 / n) / n
    return difference - half, difference + half
