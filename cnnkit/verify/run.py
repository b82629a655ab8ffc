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
from cnnkit.formats.detect import read_contract
from cnnkit.formats.options import MAX_ACCURACY_DROP, check_drop
from cnnkit.graph.convnet import LOGITS, with_contract
from cnnkit.graph.weights import Weights
from cnnkit.runs.find import find_weights
from cnnkit.runs.origin import find_run
from cnnkit.runtimes.isolated import plan_batches, run_isolated
from cnnkit.runtimes.native import network
from cnnkit.verify.report import Report, make_report


def verify(
    paths: Sequence[Path],
    weights: Weights | None,
    dataset: Dataset,
    allow_near_ties: bool = False,
    max_accuracy_drop: float = MAX_ACCURACY_DROP,
) -> list[Report]:
    """Hold artefacts against the weights they were made from, over all test images.

    Args:
        paths: the artefacts.
        weights: the network; None finds it in the runs, by the digest in each artefact.
        dataset: its test images are the ones to agree on.
        allow_near_ties: let another label pass where the reference's two best logits are so close
            that rounding decides.
        max_accuracy_drop: the share of the test images by which a quantised artefact's accuracy
            may be below the network's; what the artefact itself allows does not count.

    Raises:
        InputError: a file is not ours, no run has its weights, or the data does not fit them.
        StorageError: a file cannot be read.
        MissingError: its runtime is not installed.
    """
    check_drop(max_accuracy_drop)
    images = dataset.test.images
    plan = plan_batches(len(images))
    references: dict[str, tuple[NDArray[np.float32], str]] = {}
    reports = []
    for path in paths:
        file = find_weights(path)
        metadata = read_contract(file)
        own = weights or find_run(path, metadata["cnnkit.weights_sha256"])
        check_fit(own, dataset)
        outputs = run_isolated(file, images, plan)
        if own.sha256 not in references:
            references[own.sha256] = reference_logits(own, images)
        logits, name = references[own.sha256]
        report = make_report(
            file, outputs, own, logits, dataset, plan, allow_near_ties, max_accuracy_drop
        )
        reports.append(replace(report, path=path, reference=name))
    return reports


def reference_logits(
    weights: Weights, images: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], str]:
    """Return logits float32 [N, K] of uint8 [N, C, H, W], and what computed them.

    That is PyTorch where it is installed, else cnnkit's own kernels.
    """
    parts = np.array_split(images, max(1, len(images) // 1000))
    try:
        import torch
    except ImportError:
        run = network(weights.graph)
        logits = [run(part).logits for part in parts]
        return np.concatenate(logits), "cnnkit's own kernels (PyTorch is not installed)"
    from cnnkit.nn.graph_module import GraphModule

    model = GraphModule(with_contract(weights.graph, "uint8")).eval()
    with torch.inference_mode():
        outputs = [model.values(torch.from_numpy(part), wanted=(LOGITS,)) for part in parts]
    logits = [found.numpy() for (found,) in outputs]
    return np.concatenate(logits), f"PyTorch {torch.__version__}"


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
