"""How far two sets of outputs for the same images agree: `compare(logits, outputs, labels)`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit.metrics import LOGIT_TOLERANCE, ClassScore, mcnemar_p, paired_interval, scores_of
from cnnkit.runtimes.prediction import Prediction


@dataclass(frozen=True)
class Disagreement:
    """An image that got another label.

    Attributes:
        image: its index in the test set.
        truth: its label there.
        reference: the class that the reference gave.
        answer: the class that the artefact gave.
        margin: the difference of the reference's two largest logits.
        near_tie: the margin is within what rounding can move (twice the logit tolerance).
    """

    image: int
    truth: int
    reference: int
    answer: int
    margin: float
    near_tie: bool


@dataclass(frozen=True)
class Agreement:
    """The comparison of an artefact with its reference.

    Attributes:
        images: how many were compared.
        disagreements: the images with another label.
        accuracy: the artefact's share of right labels.
        reference_accuracy: the reference's.
        mcnemar_p: the probability of a difference in accuracy at least as large by chance.
        difference_interval: 95 % confidence interval of the artefact's accuracy minus the
            reference's.
        logit_error: the largest absolute difference of two logits.
        logit_limit: the largest that is allowed.
        largest_logit: the largest absolute logit of the reference.
        per_class: the artefact's scores by class; empty if names are unknown.
    """

    images: int
    disagreements: tuple[Disagreement, ...]
    accuracy: float
    reference_accuracy: float
    mcnemar_p: float
    difference_interval: tuple[float, float]
    logit_error: float
    logit_limit: float
    largest_logit: float
    per_class: tuple[ClassScore, ...] = ()


def compare(
    reference: NDArray[np.float32],
    outputs: Prediction,
    truth: NDArray[np.int64],
    images: NDArray[np.int64],
    names: Sequence[str] = (),
) -> Agreement:
    """Compare outputs with a reference.

    Args:
        reference: the reference's logits [N, K].
        outputs: the artefact's, M rows.
        truth: the right labels [N].
        images: the index of the image behind each row, int64 [M]. An image with several rows (in
            batches of different sizes) agrees if all of them do; accuracy is by the last.
        names: the K class names, for scores by class.
    """
    expected = reference.argmax(axis=1)
    label = np.empty_like(expected)
    label[images] = outputs.label
    wrong = outputs.label != expected[images]
    largest = float(np.abs(reference).max())
    limit = LOGIT_TOLERANCE * max(1.0, largest)
    top = np.sort(reference.astype(np.float64), axis=1)
    margins = top[:, -1] - top[:, -2] if reference.shape[1] > 1 else np.zeros(len(top))
    with np.errstate(invalid="ignore"):
        error = np.abs(outputs.logits.astype(np.float64) - reference[images])
    right, reference_right = label == truth, expected == truth
    gained, lost = int((right & ~reference_right).sum()), int((~right & reference_right).sum())
    return Agreement(
        images=len(truth),
        disagreements=tuple(
            Disagreement(
                int(i),
                int(truth[i]),
                int(expected[i]),
                int(answer),
                float(margins[i]),
                bool(margins[i] <= 2 * limit),
            )
            for i, answer in sorted({*zip(images[wrong], outputs.label[wrong], strict=True)})
        ),
        accuracy=float(right.mean()),
        reference_accuracy=float(reference_right.mean()),
        mcnemar_p=mcnemar_p(gained, lost),
        difference_interval=paired_interval(gained, lost, len(truth)),
        logit_error=float(error.max()) if not np.isnan(error).any() else math.inf,
        logit_limit=limit,
        largest_logit=largest,
        per_class=scores_of(truth, label, names) if names else (),
    )
