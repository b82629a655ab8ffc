"""An ONNX file in 8 bits without the nodes that quantise: `read_quantised(model, graph)`.

What is left has to be the network's graph, with a pair of nodes around each value that the writer
quantises, and none elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cnnkit.formats.onnx.quantize import QUANTISED
from cnnkit.formats.onnx.same_graph import Comparison, same_values
from cnnkit.formats.onnx.strict import StrictModel, StrictNode
from cnnkit.formats.onnx.wire import OddFileError
from cnnkit.graph.graph import Graph
from cnnkit.graph.types import Array


class Step(NamedTuple):
    """How whole numbers stand for real ones: (whole - zero) * scale."""

    whole: Array  # none for an activation
    scale: Array
    zero: Array


def without_relu(graph: Graph) -> Graph:
    """Return a graph without each ReLU behind a convolution, whose place its quantisation takes."""
    relu = {node.inputs[0]: node.outputs for node in graph.nodes if node.operator == "Relu"}
    nodes = [
        replace(node, outputs=relu[node.outputs[0]]) if node.outputs[0] in relu else node
        for node in graph.nodes
        if node.operator != "Relu"
    ]
    return replace(graph, nodes=tuple(nodes))


def read_quantised(model: StrictModel, graph: Graph) -> tuple[dict[str, Step], dict[str, Step]]:
    """Return the parameters and the activations in a file by their names in the graph.

    Raises:
        OddFileError: it is not this graph.
    """
    plain, stored, between = _unquantised(model)
    held: dict[str, Step] = {}

    def same_tensor(found: str, wanted: str) -> str:
        if found not in stored:
            return same_values(plain, graph, found, wanted)
        held[wanted] = stored[found]
        return ""

    known = Comparison(plain, graph, same_tensor).known
    activations = {known[name]: step for name, step in between.items()}
    nodes = [node for node in graph.nodes if node.operator in QUANTISED]
    wanted = {node.inputs[0] for node in nodes}
    for name in sorted(wanted ^ activations.keys()):
        raise OddFileError(f"{name} is {'not ' if name in wanted else ''}quantised")
    parameters = {name for node in nodes for name in node.inputs[1:]}
    for name in sorted(parameters ^ held.keys()):
        raise OddFileError(f"{name} is {'not ' if name in parameters else ''}quantised")
    for node in nodes:
        clipped = node.operator == "Conv" and activations.get(node.outputs[0])
        if clipped and int(clipped.zero.item()) != 0:
            raise OddFileError(f"{node.outputs[0]} is not clipped at 0")
    return held, activations


def _unquantised(
    model: StrictModel,
) -> tuple[StrictModel, dict[str, Step], dict[str, Step]]:
    """Return a model without the nodes that quantise; what they quantise, by its name there."""
    users: dict[str, list[StrictNode]] = {}
    for node in model.nodes:
        for name in node.inputs:
            users.setdefault(name, []).append(node)
    parameters: dict[str, Step] = {}
    activations: dict[str, Step] = {}
    same: dict[str, str] = {}  # what an activation is called after its quantisation
    back: set[int] = set()
    for node in model.nodes:
        if node.operator.lower().endswith("quantizelinear") and len({*node.inputs}) != 3:
            raise OddFileError(f"{node.operator} has {len(node.inputs)} inputs")
        if node.operator == "QuantizeLinear":
            value = node.inputs[0]
            after = _partner(node, users, model)
            activations[value] = _step(model, node, np.empty(0))
            same[after.outputs[0]] = value
            back.add(id(after))
    for node in model.nodes:
        if node.operator == "DequantizeLinear" and id(node) not in back:
            if node.inputs[0] not in model.tensors:
                raise OddFileError(f"{node.inputs[0]} is dequantised and was not quantised")
            parameters[node.outputs[0]] = _step(model, node, model.tensors[node.inputs[0]])
    kept = [n for n in model.nodes if n.operator not in ("QuantizeLinear", "DequantizeLinear")]
    taken = {name for n in model.nodes if n not in kept for name in n.inputs}
    plain = replace(
        model,
        nodes=tuple(
            replace(n, inputs=tuple(same.get(name, name) for name in n.inputs)) for n in kept
        ),
        tensors={
            **{name: array for name, array in model.tensors.items() if name not in taken},
            **{name: step.whole for name, step in parameters.items()},
        },
    )
    return plain, parameters, activations


def _partner(
    node: StrictNode, users: Mapping[str, list[StrictNode]], model: StrictModel
) -> StrictNode:
    """Return the node that dequantises what this one has quantised."""
    value, after = node.inputs[0], users.get(node.outputs[0], [])
    if (
        users[value] != [node]
        or {value, node.outputs[0]} & {*model.outputs, *model.tensors}
        or len(after) != 1
        or after[0].operator != "DequantizeLinear"
        or after[0].inputs != (node.outputs[0], *node.inputs[1:])
        or node.attributes
        or after[0].attributes
    ):
        raise OddFileError(f"{value} is quantised in another way than cnnkit does")
    return after[0]


def _step(model: StrictModel, node: StrictNode, whole: Array) -> Step:
    name = node.outputs[0]
    scale, zero = (model.tensors.get(constant) for constant in node.inputs[1:])
    if scale is None or zero is None or node.domain or node.attributes not in ({}, {"axis": 0}):
        raise OddFileError(f"{name} has no constant scale and zero point, or other attributes")
    of_channels = bool(whole.size) and scale.shape == whole.shape[:1] and bool(node.attributes)
    if not (scale.size == 1 or of_channels) or zero.size not in (1, scale.size):
        raise OddFileError(f"{name} has a scale or a zero point of another shape")
    if scale.dtype != np.float32 or not np.isfinite(scale).all() or scale.min() <= 0:
        raise OddFileError(f"{name} has a scale that is no positive number")
    return Step(whole, scale.reshape(-1).astype(np.float64), zero)
