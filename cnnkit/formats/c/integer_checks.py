"""The checks of a C file in 8 bits: `check_integers(path, metadata, weights, dataset)`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.formats.base import Check
from cnnkit.formats.c.source import read_c
from cnnkit.formats.quantisation import own_integers
from cnnkit.formats.quantised_checks import SAME_GRAPH, SAME_WEIGHTS, Expected, expected_of
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised import to_integers

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.graph.weights import Weights

OWN_SCALES = "its scales are those of the model"
LAYERS = ("QLinearConv", "QGemm")


def check_integers(
    path: Path, metadata: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    """Return the checks of graph, weights and scales of a source that is known to be ours."""
    found = read_c(path).weights.graph
    own = own_integers(weights)
    if own is not None:
        return _compared(found, own, None, Check(OWN_SCALES, True, f"{len(own.tensors)} tensors"))
    try:
        expected = expected_of(found.tensors, weights, metadata, dataset)
    except InputError as error:
        return [Check(SAME_GRAPH, False, f"{error.subject} {error.reason}")]
    return _compared(found, to_integers(expected.graph), expected, expected.ranges)


def _compared(found: Graph, right: Graph, expected: Expected | None, ranges: Check) -> list[Check]:
    """Return the checks of a graph that has to be another one."""
    odd = _other_nodes(found, right)
    wrong = odd or _other_tensor(found, right, expected)
    layers = sum(node.operator in LAYERS for node in right.nodes)
    return [
        Check(SAME_GRAPH, not odd, odd or f"{len(right.nodes)} nodes"),
        Check(SAME_WEIGHTS, not wrong, wrong or f"{layers} layers, to the bit"),
        ranges,
    ]


def _other_nodes(found: Graph, right: Graph) -> str:
    """Return the first node that is another one; nothing if none is."""
    if dict(found.inputs) != dict(right.inputs) or found.outputs != right.outputs:
        return "it has other inputs or outputs"
    if len(found.nodes) != len(right.nodes):
        return f"it has {len(found.nodes)} nodes, not {len(right.nodes)}"
    for node, other in zip(found.nodes, right.nodes, strict=True):
        same = (node.operator, node.inputs, node.outputs) == (
            *(other.operator, other.inputs, other.outputs),
        )
        if not same or dict(node.attributes) != dict(other.attributes):
            return f"{node.title} stands where the network has {other.title}"
    return ""


def _other_tensor(found: Graph, right: Graph, expected: Expected | None) -> str:
    """Return in what a tensor differs; nothing if none does."""
    for name, array in right.tensors.items():
        held = found.tensors.get(name)
        if held is None:
            return f"{name} is missing"
        if expected is not None and name in expected.loose:
            same = expected.same_bias(name, held)
        else:
            pair = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in (held, array)]
            same = pair[0].dtype == pair[1].dtype and pair[0].shape == pair[1].shape
            same = same and pair[0].tobytes() == pair[1].tobytes()
        if not same:
            return f"{name} does not hold the values that follow from the network"
    return ""
