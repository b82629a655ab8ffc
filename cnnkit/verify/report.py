"""The report on an artefact, check by check: `make_report(path, outputs, weights, …)`.

The gate, all of it: the file holds exactly these weights and the contract's metadata, and where its
format allows that, its graph or its source is the network's (`cnnkit.formats.base.PROOFS`); in its
own runtime, in a fresh process, in batches of 1, 2, 7, 64 and all at once (or in large parts),
every test image gets the reference's label, no logit is off by more than 1e-5 of the largest one
(beyond the family, by more than float32's own error explains: `cnnkit.graph.rounding`), the three
outputs agree with each other, and the golden vectors hold. Any other label fails, near ties
included, because "no disagreement" is what a person can repeat to others. Rounding moves a label in
fewer than one export of a hundred (MNIST has about 250 test images per unit of margin near 0,
rounding is 3e-5): then `allow_near_ties` lets those pass that rounding decides.

A quantised file has other checks in the place of these of weights, labels and logits: its weights
are the network's, rounded; its scales follow from them and from the training images; its accuracy
is not further below than whoever verifies it allows. No bound is taken from the file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import LABELLED, Dataset
from cnnkit.formats.base import PROOFS, Check
from cnnkit.formats.contract import quantisation
from cnnkit.formats.options import MAX_ACCURACY_DROP
from cnnkit.formats.quantisation import CALIBRATION
from cnnkit.formats.registry import FORMATS, TABLE
from cnnkit.graph.carried import carried_nodes
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.isolated import Outputs, Plan, images_of
from cnnkit.system.display import page, summary
from cnnkit.verify.checks import (
    accuracy_checks,
    agreement_checks,
    content_checks,
    golden_checks,
    output_checks,
)
from cnnkit.verify.comparison import Agreement, compare
from cnnkit.verify.reference import Reference

UNCHECKED = (
    "other runtimes (`cnnkit doctor` tries those that are here), other versions and processors",
    "the way a host prepares its pictures",
    "speed",
)
HARDLY = (
    "much of the network: its logits hardly depend on these images, as those of an untrained one, "
    "so that a wrong layer might give the same ones"
)
FEW = "pictures whose values go further than those of the {} that ranges are of: they are cut off"
FEWEST = 16  # different training images, below which that is said
RESOLUTION = 100.0  # times the limit: what logits differ by from image to image, at least


@dataclass(frozen=True)
class Report:
    """The report on one artefact.

    Attributes:
        path: the artefact.
        format: a row of `cnnkit.export.FORMATS`, or "weights".
        runtime: what executed it.
        reference: what it was compared with.
        proof: what was compared beside the outputs: a key of `cnnkit.formats.base.PROOFS`.
        batches: the sizes of the batches that were run.
        data: the kind of the images, as `Dataset` has it.
        agreement: the comparison; None if the artefact gave no outputs.
        checks: all of them.
        unchecked: what was not looked at.
        notes: what else is known: opset and IR version of an ONNX file, a quantised one's speed.
        explanation: where logits that are too far off begin to be, and which mistake explains that.
    """

    path: Path
    format: str
    runtime: str
    reference: str
    proof: str
    batches: tuple[int, ...]
    data: str
    agreement: Agreement | None
    checks: tuple[Check, ...]
    unchecked: tuple[str, ...]
    notes: dict[str, Any]
    explanation: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return summary(self, repr(str(self.path)), self._verdict, f"{len(self.checks)} checks")

    def _repr_html_(self) -> str:
        rows = [("✓" if c.passed else "✗", c.claim, c.found) for c in self.checks]
        return page(f"{self.path}: {self._verdict}", (), rows)

    @property
    def _verdict(self) -> str:
        return "verified" if self.passed else "NOT verified"

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        document = {**asdict(self), "path": str(self.path), "passed": self.passed}
        agreement = document["agreement"]
        if agreement and not math.isfinite(agreement["logit_error"]):
            agreement["logit_error"] = None  # JSON has no infinity
        return document


def make_report(
    path: Path,
    outputs: Outputs,
    weights: Weights,
    reference: Reference,
    dataset: Dataset,
    plan: Plan,
    allow_near_ties: bool = False,
    max_accuracy_drop: float = MAX_ACCURACY_DROP,
    before: Sequence[Check] = (),
) -> Report:
    """Return the report on an artefact.

    Args:
        path: the artefact.
        outputs: its own for the batches of `plan`.
        weights: the network it shall be.
        reference: the network's logits, and how far off they may be.
        dataset: its test images were run; its training images have a quantised file's ranges.
        plan: the batches.
        allow_near_ties: let another label pass where rounding decides.
        max_accuracy_drop: the share of the test images by which a quantised file's accuracy may be
            below the network's, whatever the file states.
        before: checks of the network itself, if it was read from a model of others.
    """
    about, prediction = outputs.about, outputs.prediction
    checks = [
        *before,
        Check("it runs at every batch size", prediction is not None, outputs.failure or "yes"),
    ]
    if about:
        checks += content_checks(path, about, weights, dataset)
    agreement = None
    if prediction is not None:
        logits, labelled = reference.logits, dataset.kind == LABELLED
        truth = dataset.test.labels if labelled else logits.argmax(axis=1)
        names = weights.names if labelled else ()
        agreement = compare(logits, prediction, truth, images_of(plan), reference.limit, names)
        checks += (
            accuracy_checks(agreement, max_accuracy_drop)
            if TABLE[about["format"]].quantised
            else agreement_checks(agreement, allow_near_ties)
        )
        checks += output_checks(prediction)
    if about and about["format"] in FORMATS:  # training writes no golden vectors
        checks += golden_checks(path, outputs, weights, agreement)
    known = about and not carried_nodes(weights.graph)
    proof = TABLE[about["format"]].proof if known else "outputs"
    unchecked: tuple[str, ...] = (PROOFS[proof], *UNCHECKED)
    if agreement is not None and hardly_depends(reference.logits, agreement.logit_limit):
        unchecked = (HARDLY, *unchecked)
    if about and "calibration_images" in quantisation(about["metadata"]):
        unchecked = (*_few(dataset), *unchecked)
    return Report(
        path=path,
        format=about.get("format", "unknown"),
        runtime=about.get("runtime", "unknown"),
        reference=reference.name,
        proof=proof,
        batches=tuple(sorted({stop - start for start, stop in plan})),
        data=dataset.kind,
        agreement=agreement,
        checks=tuple(checks),
        unchecked=unchecked,
        notes=about.get("notes", {}),
    )


def hardly_depends(logits: NDArray[np.floating], limit: float) -> bool:
    """Tell whether logits differ so little from image to image that they show little."""
    return len(logits) > 1 and float(np.ptp(logits, axis=0).max()) < RESOLUTION * limit


def _few(dataset: Dataset) -> tuple[str, ...]:
    """Return what to say of ranges that are of very few different images, or of equal ones."""
    count = len({image.tobytes() for image in dataset.train.images[:CALIBRATION]})
    if count >= FEWEST:
        return ()
    return (FEW.format("one training picture" if count == 1 else f"{count} training pictures"),)
