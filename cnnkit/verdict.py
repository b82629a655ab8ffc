"""The verdict on an artefact, claim by claim: `judge(path, answers, weights, reference, truth)`.

The gate, all of it: the file holds exactly these weights and the contract's metadata; in its own
runtime, in a fresh process, in batches of 1, 2, 7, 64 and all at once, every test image gets the
reference's label, no logit is off by more than 1e-5 of the largest one, the three outputs agree
with each other, and the golden vectors hold. Any other label fails, near ties included, because
"no disagreement" is the claim that a person can repeat to others. Rounding moves a label in fewer
than one export of a hundred (MNIST has about 250 test images per unit of margin near 0, rounding is
3e-5): then `allow_near_ties` lets those pass that rounding decides.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.agreement import Agreement, compare
from cnnkit.answers import Answers, Plan, images_of
from cnnkit.checkpoint import Weights
from cnnkit.export import contract
from cnnkit.export.golden import KEY, vectors
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
    plan: Plan,
    allow_near_ties: bool = False,
) -> Report:
    """Decide on an artefact.

    Args:
        path: the artefact.
        answers: what it said to the batches of `plan`.
        weights: the network it shall be.
        reference: the network's logits [N, K].
        truth: the right labels [N].
        plan: the batches.
        allow_near_ties: let another label pass where rounding decides.
    """
    about, prediction = answers.about, answers.prediction
    checks = [
        Check("it answers every batch size", prediction is not None, answers.failure or "yes")
    ]
    checks += _content_checks(about, weights)
    agreement = None
    if prediction is not None:
        agreement = compare(reference, prediction, truth, images_of(plan))
        checks += _agreement_checks(agreement, allow_near_ties)
        checks += _output_checks(prediction)
    if about and about["format"] != "weights":
        checks += _golden_checks(path, answers, weights)
    return Report(
        path=path,
        format=about.get("format", "unknown"),
        runtime=about.get("runtime", "unknown"),
        reference="",
        batches=tuple(sorted({stop - start for start, stop in plan})),
        agreement=agreement,
        checks=tuple(checks),
        unchecked=UNCHECKED,
        notes=about.get("notes", {}),
    )


def _content_checks(about: dict[str, Any], weights: Weights) -> list[Check]:
    if not about:
        return []
    expected = {**contract.metadata(weights), "version": ""}  # another cnnkit may check
    stated = {**_without_golden(about["metadata"]), "version": ""}
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


def _without_golden(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if not key.startswith(KEY)}


def _golden_checks(path: Path, answers: Answers, weights: Weights) -> list[Check]:
    stated = contract.read_golden(path, answers.about["metadata"])
    if stated is None:
        return [Check("it carries golden vectors", False, "none")]
    expected = vectors(weights, stated.images)
    same = np.array_equal(stated.labels, expected.labels) and all(
        np.allclose(getattr(stated, name), getattr(expected, name), rtol=1e-6, atol=1e-7)
        for name in ("logits", "probabilities", "tolerance")
    )
    checks = [
        Check(
            "its golden vectors are these weights' answers",
            same,
            f"{len(stated.images)} images, tolerance {stated.tolerance:.2e}",
        )
    ]
    if answers.golden is not None:
        error = float(np.abs(answers.golden.logits - stated.logits).max())
        wrong = int((answers.golden.label != stated.labels).sum())
        checks.append(
            Check(
                "it answers its golden images as they say",
                wrong == 0 and error <= stated.tolerance,
                f"{wrong} labels differ, largest error {error:.2e}",
            )
        )
    return checks


def _agreement_checks(agreement: Agreement, allow_near_ties: bool) -> list[Check]:
    real = len({case.image for case in agreement.disagreements if not case.near_tie})
    near = len({case.image for case in agreement.disagreements if case.near_tie})
    ties = f", {near} of them near ties" if near else ""
    return [
        Check(
            "every label is the reference's",
            real + (0 if allow_near_ties else near) == 0,
            f"{real + near} of {agreement.images} differ{ties}",
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
