"""The checks of a C file in 8 bits: `check_integers(path, metadata, weights, dataset)`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.formats.base import Check
from cnnkit.formats.c.source import read_c
from cnnkit.formats.quantised_checks import SAME_GRAPH, SAME_WEIGHTS, Expected, expected_of
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised import to_integers

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.graph.weights import Weights


def check_integers(
    path: Path, metadata: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    """Return the checks of graph, weights and scales of a source that is known to be ours."""
    found = read_c(path).weights.graph
    try:
        expected = expected_of(found.tensors, weights, metadata, dataset)
    except InputError as error:
        return [Check(SAME_GRAPH, False, f"{error.subject} {error.reason}")]
    right = to_integers(expected.graph)
    odd = _other_nodes(found, right)
    wrong = odd or _other_tensor(found, right, expected)
    count = sum(node.operator == "QuantizeLinear" for node in expected.graph.nodes)
    return [
        Check(SAME_GRAPH, not odd, odd or f"{len(right.nodes)} nodes, {count} activations"),
        Check(SAME_WEIGHTS, not wrong, wrong or f"{len(expected.loose)} layers, to the bit"),
        expected.ranges,
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


def _other_tensor(found: Graph, right: Graph, expected: Expected) -> str:
    """Return in what a tensor differs; nothing if none does."""
    for name, array in right.tensors.items():
        held = found.tensors[name]
        if name in expected.loose:
            same = expected.same_bias(name, held)
        else:
            pair = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in (held, array)]
            same = pair[0].dtype == pair[1].dtype and pair[0].shape == pair[1].shape
            same = same and pair[0].tobytes() == pair[1].tobytes()
        if not same:
            return f"{name} does not hold the values that follow from the network"
    return ""
