"""The checks of an artefact, one by one; `cnnkit.verify.report` puts them together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from cnnkit.data.dataset import Dataset
from cnnkit.formats import contract
from cnnkit.formats.base import Check
from cnnkit.formats.description import metadata, without_vectors
from cnnkit.formats.golden import Golden
from cnnkit.formats.golden_vectors import vectors
from cnnkit.formats.registry import TABLE
from cnnkit.graph.carried import carried_nodes
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.isolated import Outputs
from cnnkit.runtimes.prediction import Prediction
from cnnkit.verify.comparison import Agreement

OUTPUT_TOLERANCE = (
    1e-6  # between probabilities and the softmax of the logits, and of their sum from 1
)

GOLDEN_ROOM = 4.0  # times the largest error: the writer doubles what it saw on other images


def _numbers(version: object) -> list[int]:
    """Return the numbers of a version, by which versions are in order."""
    return [int(digits[:9]) for digits in re.findall(r"\d+", str(version))[:3]]


def content_checks(
    path: Path, about: dict[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    """Return the checks of weights, metadata and declared types; `about` as in `Outputs`."""
    form = TABLE[about["format"]]
    stated = without_vectors(about["metadata"])
    input = contract.input_type(stated)
    expected = metadata(weights, input=input)
    if _numbers(stated.get("version")) <= _numbers(expected["version"]):
        expected["version"] = stated.get("version")  # an earlier cnnkit may have written it
    differing = sorted(key for key in {*stated, *expected} if stated.get(key) != expected.get(key))
    declared = form.declared(contract.signature(weights.graph, input))
    return [
        form.check_weights(path, about, weights),
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
        *form.check_content(path, about, weights, dataset),
    ]


def agreement_checks(agreement: Agreement, allow_near_ties: bool) -> list[Check]:
    """Return the checks of labels and logits of a format that computes in float32."""
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


def accuracy_checks(agreement: Agreement, most: float) -> list[Check]:
    """Return the check of a quantised format, whose accuracy may fall by `most`."""
    drop = agreement.reference_accuracy - agreement.accuracy
    differing = len({case.image for case in agreement.disagreements})
    return [
        Check(
            f"its accuracy is at most {most:.2%} below the reference's",
            drop <= most,
            f"{agreement.accuracy:.2%} against {agreement.reference_accuracy:.2%}; "
            f"{differing} of {agreement.images} labels differ, "
            f"largest logit error {agreement.logit_error:.2e}",
        )
    ]


def output_checks(prediction: Prediction) -> list[Check]:
    """Return the checks that the three outputs agree with each other."""
    logits = prediction.logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinite logits fail the checks below
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        softmax = powers / powers.sum(axis=1, keepdims=True)
    off = float(np.abs(prediction.probabilities - softmax).max())
    sums = float(np.abs(prediction.probabilities.sum(axis=1, dtype=np.float64) - 1).max())
    wrong = int((prediction.label != prediction.logits.argmax(axis=1)).sum())
    # Each addition of a sum of K numbers in float32 may round by 2^-24 of it.
    room = max(OUTPUT_TOLERANCE, logits.shape[1] * 2.0**-24)
    return [
        Check("label is the largest logit", wrong == 0, f"{wrong} images where it is not"),
        Check(
            "probabilities are the softmax of the logits", off <= OUTPUT_TOLERANCE, f"{off:.1e} off"
        ),
        Check("probabilities sum to 1", sums <= room, f"{sums:.1e} off"),
    ]


def _room(weights: Weights) -> float:
    """Return how many times the tolerance that is computed here another machine may have found."""
    return (1 if weights.is_family else 2) * (1 + 1e-6)


def golden_checks(
    path: Path, outputs: Outputs, weights: Weights, agreement: Agreement | None
) -> list[Check]:
    """Return the checks of an artefact's golden vectors.

    A quantised artefact's tolerance is what the writer saw it need, so what it needed here, on the
    test images, bounds it.
    """
    stated = contract.read_golden(path, outputs.about["metadata"])
    if stated is None:
        return [Check("it carries golden vectors", False, "none")]
    if carried_nodes(weights.graph):
        limit = agreement.logit_limit * (1 + 1e-6) if agreement else 0.0  # stated as float32
        return _reproduced(stated, outputs, stated.tolerance, limit)
    quantised = TABLE[outputs.about["format"]].quantised
    expected = vectors(weights, stated.images, 0.0 if quantised else None)
    same = np.array_equal(stated.labels, expected.labels) and all(
        np.allclose(getattr(stated, name), getattr(expected, name), rtol=1e-6, atol=1e-7)
        for name in ("logits", "probabilities")
    )
    if quantised:
        error = max(agreement.logit_error, agreement.logit_limit) if agreement else 0.0
        tolerance = GOLDEN_ROOM * error
    else:
        tolerance = expected.tolerance * _room(weights)
    checks = [
        Check(
            "its golden vectors are these weights' outputs",
            same,
            f"{len(stated.images)} images",
        ),
    ]
    return [*checks, *_reproduced(stated, outputs, stated.tolerance, tolerance)]


def _reproduced(stated: Golden, outputs: Outputs, own: float, most: float) -> list[Check]:
    """Return the checks of a golden tolerance, and of the file's outputs within it."""
    checks = [
        Check(
            "its golden tolerance lets no more pass than it needs",
            0 < own <= most,
            f"{own:.2e}, at most {most:.2e}",
        ),
    ]
    if outputs.golden is not None:
        error = float(np.abs(outputs.golden.logits - stated.logits).max())
        wrong = int((outputs.golden.label != stated.labels).sum())
        checks.append(
            Check(
                "it reproduces its golden vectors",
                wrong == 0 and error <= min(own, most),
                f"{wrong} labels differ, largest error {error:.2e}",
            )
        )
    return checks
