"""Why a proof fails, in sentences: where the difference begins, and which mistake explains it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import CnnkitError
from cnnkit.formats.registry import TABLE
from cnnkit.graph.convnet import with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.types import Array
from cnnkit.graph.weights import Weights
from cnnkit.verify.case import Case
from cnnkit.verify.culprits import explain, nothing_explains
from cnnkit.verify.first_difference import first_difference
from cnnkit.verify.sides import Side

MOST = 64  # images, the worst ones among them
GRAPHS = ("onnx", "onnx-fused")  # formats whose files are the graph itself
Images = NDArray[np.uint8]


def explain_sides(
    side: Side,
    reference: Side,
    images: tuple[Images, Images],
    logits: tuple[Array, Array],
    limit: float,
    pictures: Mapping[str, Images],
) -> tuple[str, ...]:
    """Return what is known of a difference between two models.

    Args:
        side: the model that is looked at.
        reference: the other.
        images: as each of them takes them.
        logits: of each.
        limit: the largest error that rounding explains.
        pictures: those of the reference, fitted in other ways.
    """
    chosen = _chosen(*logits)
    own, right = (each[chosen] for each in logits)
    mine, theirs = (each[chosen] for each in images)
    fitted = {way: each[chosen] for way, each in pictures.items()}
    cases = [Case(reference.network.weights, theirs, right, own, limit, fitted)]
    if side.is_graph:
        cases.append(Case(side.network.weights, mine, own, right, limit))
    graphs = None
    if side.is_graph and reference.is_graph:
        graphs = (_raw(side.network.weights), _raw(reference.network.weights))
    return _sentences(cases, graphs, mine, theirs)


def explain_file(
    path: Path,
    form: str,
    weights: Weights,
    images: Images,
    logits: tuple[Array, Array],
    limit: float,
) -> tuple[str, ...]:
    """Return what is known of a difference between an artefact and its network.

    Args:
        path: the artefact.
        form: its format.
        weights: the network.
        images: uint8 [N, C, H, W].
        logits: of the artefact, and of the network.
        limit: the largest error that rounding explains.
    """
    chosen = _chosen(*logits)
    own, right = (each[chosen] for each in logits)
    some = images[chosen]
    graphs = None
    if form in GRAPHS:
        with suppress(CnnkitError):  # the checks of its content say what is wrong with it
            graphs = (_raw(TABLE["onnx"].read_weights(path)), _raw(weights))
    return _sentences([Case(weights, some, right, own, limit)], graphs, some, some)


def _chosen(own: Array, right: Array) -> NDArray[np.int64]:
    """Return the images that are looked at: all, or of many the worst and the first."""
    if len(own) <= MOST:
        return np.arange(len(own))
    with np.errstate(invalid="ignore"):
        error = np.nan_to_num(np.abs(own - right).max(axis=1), nan=np.inf)
    worst = np.argsort(-error, kind="stable")[: MOST // 2]
    others = np.setdiff1d(np.arange(len(own)), worst)[: MOST // 2]
    return np.concatenate([worst, others])


def _raw(weights: Weights) -> Graph:
    return with_contract(weights.graph, "uint8")


def _sentences(
    cases: list[Case], graphs: tuple[Graph, Graph] | None, mine: Images, theirs: Images
) -> tuple[str, ...]:
    said = []
    if graphs is not None:
        begins = first_difference(*graphs, mine, theirs)
        said.append(begins or "every layer computes the same on the images that were looked at")
    cut: dict[str, int] = {}
    culprit = explain(*cases, cut=cut)
    said.append(f"likely culprit: {culprit}" if culprit else nothing_explains(cut))
    return tuple(said)
