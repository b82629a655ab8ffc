"""The checks of an ONNX file in 8 bits: `check_quantised(path, metadata, weights, dataset)`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.errors import InputError
from cnnkit.formats.base import Check
from cnnkit.formats.onnx.same_graph import Comparison, same_values
from cnnkit.formats.onnx.strict import read_strict
from cnnkit.formats.onnx.wire import OddFileError
from cnnkit.formats.quantised_checks import SAME_GRAPH, SAME_WEIGHTS, expected_of
from cnnkit.formats.quantised_checks import SAME_RANGES as SAME_RANGES

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.graph.weights import Weights

PARAMETERS = (".weight.", ".bias.")  # in the names of what belongs to a layer


def check_quantised(
    path: Path, metadata: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    """Return the checks of graph, weights and scales of a file in 8 bits."""
    try:
        model = read_strict(path)
        expected = expected_of(model.tensors, weights, metadata, dataset)
    except OddFileError as error:
        return [Check(SAME_GRAPH, False, str(error))]
    except InputError as error:
        return [Check(SAME_GRAPH, False, f"{error.subject} {error.reason}")]
    wrong: list[str] = []

    def same_tensor(found: str, wanted: str) -> str:
        if wanted in expected.loose and expected.same_bias(wanted, model.tensors[found]):
            return ""
        difference = same_values(model, expected.graph, found, wanted)
        if difference and any(part in wanted for part in PARAMETERS):
            wrong.append(difference)
            return ""
        return difference

    try:
        Comparison(model, expected.graph, same_tensor)
    except OddFileError as error:
        return [Check(SAME_GRAPH, False, str(error))]
    count = sum(node.operator == "QuantizeLinear" for node in expected.graph.nodes)
    layers = len(expected.loose)
    return [
        Check(SAME_GRAPH, True, f"{len(expected.graph.nodes)} nodes, {count} activations"),
        Check(SAME_WEIGHTS, not wrong, wrong[0] if wrong else f"{layers} layers, to the bit"),
        expected.ranges,
    ]
