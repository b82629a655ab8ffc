"""Proof that an artefact is the network it was made from: `verify([path], weights, dataset)`.

What must hold stands in cnnkit/verify/report.py; this gathers what is to be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.base import Check
from cnnkit.formats.detect import read_contract
from cnnkit.formats.options import MAX_ACCURACY_DROP, check_drop
from cnnkit.formats.registry import TABLE
from cnnkit.graph.carried import carried_nodes, refuse_carried
from cnnkit.graph.weights import Weights
from cnnkit.runs.find import find_weights
from cnnkit.runs.origin import find_run
from cnnkit.runtimes.isolated import Outputs, plan_batches, started
from cnnkit.verify.explanation import explain_file
from cnnkit.verify.reference import Reference, reference_of
from cnnkit.verify.report import Report, make_report


def verify(
    paths: Sequence[Path],
    weights: Weights | None,
    dataset: Dataset,
    allow_near_ties: bool = False,
    max_accuracy_drop: float = MAX_ACCURACY_DROP,
    before: Sequence[Check] = (),
    reference: Reference | None = None,
) -> list[Report]:
    """Compare artefacts with the weights that they were made from, on all test images.

    Args:
        paths: the artefacts.
        weights: the network; None finds it in the runs, by the digest in each artefact.
        dataset: its test images are the ones to agree on.
        allow_near_ties: let another label pass where the reference's two best logits are so close
            that rounding decides.
        max_accuracy_drop: the share of the test images by which a quantised artefact's accuracy
            may be below the network's; what the artefact itself allows does not count.
        before: checks of the network itself, for the reports.
        reference: the logits for all test images; None computes them.

    Raises:
        InputError: a file is not ours, no run has its weights, or the data does not fit them.
        StorageError: a file cannot be read.
        MissingError: its runtime is not installed.
    """
    check_drop(max_accuracy_drop)
    images = dataset.test.images
    plan = plan_batches(images)
    references: dict[str, Reference] = {}
    reports = []
    for path in paths:
        file = find_weights(path)
        metadata = read_contract(file)
        if reference is None and contract.CARRIED in metadata:
            refuse_carried(TABLE["onnx"].read_weights(file).graph, path)
        own = weights or find_run(path, metadata["cnnkit.weights_sha256"])
        check_fit(own, dataset)
        with started(file, images, plan) as finish:  # beside it, the reference is computed
            if own.sha256 not in references:
                references[own.sha256] = reference or reference_of(own, images, 1)
            outputs = finish()
        report = make_report(
            file,
            outputs,
            own,
            references[own.sha256],
            dataset,
            plan,
            allow_near_ties,
            max_accuracy_drop,
            before,
        )
        why = _explanation(report, outputs, own, images, references[own.sha256])
        reports.append(replace(report, path=path, explanation=why))
    return reports


def _explanation(
    report: Report, outputs: Outputs, weights: Weights, images: NDArray[np.uint8], right: Reference
) -> tuple[str, ...]:
    """Return where a file's difference begins and what explains it, if its logits are too far off.

    A quantised file's are.
    """
    agreement = report.agreement
    if agreement is None or outputs.prediction is None or report.passed:
        return ()
    if carried_nodes(weights.graph):
        return ()
    if agreement.logit_error <= agreement.logit_limit or TABLE[report.format].quantised:
        return ()
    logits = outputs.prediction.logits[-len(images) :]  # the last batches are all of them
    pair = (logits.astype(np.float64), right.logits.astype(np.float64))
    limit = agreement.logit_limit
    return explain_file(report.path, report.format, weights, images, pair, limit)


def check_fit(weights: Weights, dataset: Dataset) -> None:
    """Raise InputError unless a network takes the test images of a data set, and there are some."""
    found = dataset.test.images.shape[1:]
    if found != weights.size or not len(dataset.test.images):
        raise InputError(
            dataset.name,
            f"has {len(dataset.test.images)} test images of {list(found)}; "
            f"the network takes {list(weights.size)}",
            "choose the data that the network was trained for with --dataset or --data",
        )
