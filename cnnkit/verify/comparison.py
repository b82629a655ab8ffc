"""How far two sets of outputs for the same images agree: `compare(logits, outputs, labels)`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import DRAWN, LABELLED
from cnnkit.data.drawn import SEED
from cnnkit.graph.rounding import MOST
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
        difference_interval: 95% confidence interval of the artefact's accuracy minus the
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

    @property
    def is_rounding(self) -> bool:
        """Whether float32 loses so much that nothing can be seen of the network."""
        return self.logit_limit >= MOST * self.largest_logit


def compare(
    reference: NDArray[np.floating],
    outputs: Prediction,
    truth: NDArray[np.int64],
    images: NDArray[np.int64],
    limit: float | None = None,
    names: Sequence[str] = (),
) -> Agreement:
    """Compare outputs with a reference; `outputs` has M rows, the rest is as `compare_logits`."""
    return compare_logits(reference, outputs.logits, outputs.label, truth, images, limit, names)


def compare_logits(
    reference: NDArray[np.floating],
    logits: NDArray[np.floating],
    labels: NDArray[np.int64],
    truth: NDArray[np.int64],
    images: NDArray[np.int64],
    limit: float | None = None,
    names: Sequence[str] = (),
) -> Agreement:
    """Compare logits and labels with a reference.

    Args:
        reference: the reference's logits [N, K].
        logits: the artefact's [M, K].
        labels: its labels [M].
        truth: the right labels [N].
        images: the index of the image behind each row, int64 [M]. An image with several rows (in
            batches of different sizes) agrees if all of them do; accuracy is by the last.
        limit: the largest difference of two logits that rounding explains; None takes 1e-5 of the
            largest logit.
        names: the K class names, for scores by class.
    """
    expected = reference.argmax(axis=1)
    label = np.empty_like(expected)
    label[images] = labels
    wrong = labels != expected[images]
    largest = float(np.abs(reference).max())
    limit = LOGIT_TOLERANCE * max(1.0, largest) if limit is None else limit
    top = np.sort(reference.astype(np.float64), axis=1)
    margins = top[:, -1] - top[:, -2] if reference.shape[1] > 1 else np.zeros(len(top))
    with np.errstate(invalid="ignore"):
        error = np.abs(logits.astype(np.float64) - reference[images])
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
            for i, answer in sorted({*zip(images[wrong], labels[wrong], strict=True)})
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


def agreement_text(agreement: Agreement, batches: tuple[int, ...], data: str) -> str:
    """Return the comparison in words: accuracies only where labels are known.

    Args:
        agreement: the comparison.
        batches: the sizes of the batches.
        data: the kind of the images, as `Dataset` has it.
    """
    sizes = f"in batches of {', '.join(map(str, batches))}"
    if data != LABELLED:
        seed = f" (seed {SEED})" if data == DRAWN else ""
        return (
            f"{agreement.images - len({case.image for case in agreement.disagreements}):,} of "
            f"{agreement.images:,} {data}{seed} get the same label, {sizes}; they have no labels "
            "of their own, so this says nothing of accuracy"
        )
    low, high = agreement.difference_interval
    return (
        f"accuracy {agreement.accuracy:.2%}, reference {agreement.reference_accuracy:.2%} "
        f"(exact McNemar p = {agreement.mcnemar_p:.3g}; with 95% confidence the difference is "
        f"between {low:+.3%} and {high:+.3%}); {agreement.images:,} test images {sizes}"
    )
