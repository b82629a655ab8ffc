"""The verdict on an artefact, claim by claim: `judge(path, answers, weights, reference, truth)`.

The gate, all of it: the file holds exactly these weights and the contract's metadata; in its own
runtime, in a fresh process, in batches of 1, 2, 7, 64 and one large one, every test image gets the
reference's label, no logit is off by more than 1e-5 of the largest one, and the three outputs agree
with each other. Any other label fails, near ties included, because "no disagreement" is the
claim that a person can repeat to others. Rounding moves a label in fewer than one export of a
hundred (MNIST has about 250 test images per unit of margin near 0, rounding is 3e-5): then
`allow_near_ties` lets those pass that rounding decides.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.agreement import Agreement, compare
from cnnkit.answers import Answers
from cnnkit.checkpoint import Weights
from cnnkit.export import contract
from cnnkit.runtimes import Prediction

OUTPUT_TOLERANCE = (
    1e-6  # between probabilities and the softmax of the logits, and of their sum from 1
)
UNCHECKED = (
    "other runtimes, other versions of this one and other processors",
    "images that are not in the test set, and the way a host prepares its pictures",
    "speed",
)


@dataclass(frozen=True)
class Check:
    """One claim and whether it holds."""

    claim: str
    passed: bool
    found: str


@dataclass(frozen=True)
class Report:
    """The verdict on one artefact.

    Attributes:
        path: the artefact.
        format: "onnx", "torchscript" or "weights".
        runtime: what answered.
        reference: what it was compared with.
        batches: the sizes of the batches that were run.
        agreement: the comparison; None if the artefact gave no answers.
        checks: every claim.
        unchecked: what was not looked at.
        notes: opset and IR version of an ONNX file.
    """

    path: Path
    format: str
    runtime: str
    reference: str
    batches: tuple[int, ...]
    agreement: Agreement | None
    checks: tuple[Check, ...]
    unchecked: tuple[str, ...]
    notes: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every claim holds."""
        return all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        document = {**asdict(self), "path": str(self.path), "passed": self.passed}
        agreement = document["agreement"]
        if agreement and not math.isfinite(agreement["logit_error"]):
            agreement["logit_error"] = None  # JSON has no infinity
        return document


def judge(
    path: Path,
    answers: Answers,
    weights: Weights,
    reference: NDArray[np.float32],
    truth: NDArray[np.int64],
    allow_near_ties: bool = False,
) -> Report:
    """Decide on an artefact by its answers; `reference` is logits [N, K], `truth` labels [N]."""
    about, prediction = answers.about, answers.prediction
    checks = [
        Check("it answers every batch size", prediction is not None, answers.failure or "yes")
    ]
    checks += _content_checks(about, weights)
    agreement = None
    if prediction is not None:
        agreement = compare(reference, prediction.logits, prediction.label, truth)
        checks += _agreement_checks(agreement, allow_near_ties)
        checks += _output_checks(prediction)
    return Report(
        path=path,
        format=about.get("format", "unknown"),
        runtime=about.get("runtime", "unknown"),
        reference="",
        batches=(),
        agreement=agreement,
        checks=tuple(checks),
        unchecked=UNCHECKED,
        notes=about.get("notes", {}),
    )


def _content_checks(about: dict[str, Any], weights: Weights) -> list[Check]:
    if not about:
        return []
    stated, expected = about["metadata"], contract.metadata(weights)
    stated, expected = (
        dict(stated, version=""),
        dict(expected, version=""),
    )  # another cnnkit may check
    differing = sorted(key for key in {*stated, *expected} if stated.get(key) != expected.get(key))
    declared = contract.signature(weights.architecture)
    if about["format"] == "torchscript":  # it knows tensors, not their types and shapes
        declared = dict.fromkeys(declared, "Tensor")
    same = about["weights_sha256"] == weights.sha256
    checks = [
        Check("it holds exactly these weights", same, f"SHA-256 {about['weights_sha256'][:12]}…"),
        Check(
            "its metadata is that of these weights",
            not differing,
            f"differs in {', '.join(differing)}" if differing else f"{len(expected)} values",
        ),
        Check(
            "inputs and outputs are declared as agreed",
            about["declared"] == declared,
            ", ".join(f"{name} {value}" for name, value in about["declared"].items()),
        ),
    ]
    if about["format"] == "onnx":
        notes = about["notes"]
        standard = all("." not in operator for operator in notes["operators"])
        checks.append(
            Check(
                "one file, standard operators, no source lines",
                notes["one_file"] and standard and not notes["source_notes"],
                f"opset {notes['opset']}, IR {notes['ir_version']}: "
                + ", ".join(notes["operators"]),
            )
        )
    return checks


def _agreement_checks(agreement: Agreement, allow_near_ties: bool) -> list[Check]:
    near = sum(case.near_tie for case in agreement.disagreements)
    counted = len(agreement.disagreements) - (near if allow_near_ties else 0)
    ties = f", {near} of them near ties" if near else ""
    return [
        Check(
            "every label is the reference's",
            counted == 0,
            f"{len(agreement.disagreements)} of {agreement.images} differ{ties}",
        ),
        Check(
            "logits differ by rounding only",
            agreement.logit_error <= agreement.logit_limit,
            f"largest error {agreement.logit_error:.2e}, limit {agreement.logit_limit:.2e} "
            f"(largest logit {agreement.largest_logit:.3g})",
        ),
    ]


def _output_checks(prediction: Prediction) -> list[Check]:
    logits = prediction.logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinite logits: what comes of them fails the claims
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        softmax = powers / powers.sum(axis=1, keepdims=True)
    off = float(np.abs(prediction.probabilities - softmax).max())
    sums = float(np.abs(prediction.probabilities.sum(axis=1, dtype=np.float64) - 1).max())
    wrong = int((prediction.label != prediction.logits.argmax(axis=1)).sum())
    return [
        Check("label is the largest logit", wrong == 0, f"{wrong} images where it is not"),
        Check(
            "probabilities are the softmax of the logits", off <= OUTPUT_TOLERANCE, f"{off:.1e} off"
        ),
        Check("probabilities sum to 1", sums <= OUTPUT_TOLERANCE, f"{sums:.1e} off"),
    ]
