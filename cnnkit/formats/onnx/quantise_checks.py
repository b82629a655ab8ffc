"""The checks of an ONNX file in 8 bits: `check_quantised(path, metadata, weights, dataset)`.

Nothing that such a file states of itself is taken for granted. Its nodes that quantise are taken
out, and what is left has to be the network's graph; each weight has to be the network's, rounded
with the scale that follows from it; and each activation's scale has to be that of the network's
values on the training images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.base import Check
from cnnkit.formats.contract import input_type
from cnnkit.formats.onnx.quantize import CALIBRATION, QUANTISED, WEIGHT_LIMIT
from cnnkit.formats.onnx.same_graph import Comparison, same_values
from cnnkit.formats.onnx.strict import StrictModel, StrictNode, read_strict
from cnnkit.formats.onnx.wire import OddFileError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import INPUT
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.graph.weights import Weights

SAME_GRAPH = "its graph is the network's, node by node, with 8-bit values in between"
SAME_WEIGHTS = "its weights are these, rounded to 8 bits"
SAME_RANGES = "its activations are scaled to their range on the training images"
HALF_A_STEP = 0.51  # and what float32 adds to it
SCALES = 1e-4  # relative difference of weights' scales by the precision they were computed in
RANGES = 1e-3  # relative difference of activations' scales, on the same images
OTHER_RANGES = 2.0  # factor between activations' scales, on other images
KEEPING_SCALE = ("MaxPool", "Flatten")  # their output has their input's scale


class Step(NamedTuple):
    """How whole numbers stand for real ones: (whole - zero) * scale."""

    whole: Array  # none for an activation
    scale: Array
    zero: Array


def check_quantised(
    path: Path, metadata: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    """Return the checks of graph, weights and scales of a file in 8 bits."""
    whole = weights.graph(input_type(metadata))
    graph = without_relu(whole)
    try:
        parameters, activations = _read(read_strict(path), graph)
    except OddFileError as error:
        return [Check(SAME_GRAPH, False, str(error))]
    return [
        Check(SAME_GRAPH, True, f"{len(graph.nodes)} nodes, {len(activations)} activations"),
        _check_parameters(graph, parameters, activations),
        _check_ranges(whole, activations, metadata, dataset),
    ]


def without_relu(graph: Graph) -> Graph:
    """Return a graph without each ReLU behind a convolution, whose place its quantisation takes."""
    relu = {node.inputs[0]: node.outputs for node in graph.nodes if node.operator == "Relu"}
    nodes = [
        replace(node, outputs=relu[node.outputs[0]]) if node.outputs[0] in relu else node
        for node in graph.nodes
        if node.operator != "Relu"
    ]
    return replace(graph, nodes=tuple(nodes))


def _read(model: StrictModel, graph: Graph) -> tuple[dict[str, Step], dict[str, Step]]:
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


def _check_parameters(
    graph: Graph, parameters: Mapping[str, Step], activations: Mapping[str, Step]
) -> Check:
    off, wrong = 0.0, ""
    for node in graph.nodes:
        if len(node.inputs) == 3 and node.operator in QUANTISED:
            value, weight, bias = node.inputs
            real = {name: graph.tensors[name].astype(np.float64) for name in (weight, bias)}
            scales = _scales(real[weight], real[bias], activations[value].scale)
            for name, dtype, scale in (
                (weight, np.int8, scales),
                (bias, np.int32, activations[value].scale * parameters[weight].scale),
            ):
                step = parameters[name]
                if step.whole.shape != real[name].shape or step.whole.dtype != dtype:
                    wrong = wrong or f"{name} is {step.whole.dtype}{list(step.whole.shape)}"
                    continue
                if np.any(step.zero) or not np.allclose(step.scale, scale, rtol=SCALES, atol=0):
                    wrong = wrong or f"{name} has another scale or zero point than follows from it"
                whole = step.whole.reshape(len(scale), -1).astype(np.float64)
                if dtype == np.int8 and np.abs(whole).max() > WEIGHT_LIMIT:
                    wrong = wrong or f"{name} takes more than 7 bits"
                column = step.scale.reshape(-1, 1)
                error = np.abs(whole - real[name].reshape(whole.shape) / column)
                off = max(off, float((error - np.abs(whole) * 2.0**-22).max()))
    found = f"off by {off:.2f} of a step at most"
    return Check(SAME_WEIGHTS, not wrong and off <= HALF_A_STEP, wrong or found)


def _scales(
    weight: NDArray[np.float64], bias: NDArray[np.float64], of_input: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the scale of each output channel [M] of a weight: its largest value has 7 bits.

    It is larger where otherwise a bias, in steps of this scale times the input's, would not fit
    into 32 bits.
    """
    scale = np.abs(weight).reshape(len(weight), -1).max(axis=1) / WEIGHT_LIMIT
    scale[scale < np.finfo(np.float32).tiny] = 1.0
    lowest: NDArray[np.float64] = 1.0001 * 2 * np.abs(bias) / (2.0**32 - 2) / of_input
    result: NDArray[np.float64] = np.maximum(scale, lowest)
    return result


def _check_ranges(
    graph: Graph, activations: Mapping[str, Step], metadata: Mapping[str, Any], dataset: Dataset
) -> Check:
    images = dataset.train.images[:CALIBRATION]
    origins = {node.outputs[0]: node for node in graph.nodes}
    sources = {name: _source(name, origins) for name in activations}
    ranges = _ranges(graph, images, {*sources.values()})
    is_same = dict(dataset.sha256) == metadata.get("cnnkit.dataset_sha256")
    most = 1 + RANGES if is_same else OTHER_RANGES
    furthest, wrong = 1.0, ""
    for name, step in activations.items():
        low, high = ranges[sources[name]]
        scale = (high - low) / 255 or 1.0
        ratio = max(float(step.scale[0]) / scale, scale / float(step.scale[0]))
        moved = abs(int(step.zero.item()) - round(-low / scale))
        if step.zero.dtype != np.uint8 or moved > 255 * (most - 1):
            wrong = wrong or f"{name} has the zero point {step.zero.item()}"
        if ratio > most:
            wrong = wrong or f"{name} has the scale {step.scale[0]:.4g}, not {scale:.4g}"
        furthest = max(furthest, ratio)
    found = f"{len(images)} images, scales off by {furthest - 1:.1e} at most"
    return Check(SAME_RANGES, not wrong, wrong or found)


def _ranges(
    graph: Graph, images: NDArray[np.uint8], names: set[str]
) -> dict[str, tuple[float, float]]:
    """Return the smallest and the largest of some values for images, and 0 between them."""
    ranges = dict.fromkeys(sorted(names), (0.0, 0.0))
    for part in np.array_split(images, max(1, len(images) // 100)):
        feed = part if graph.inputs[INPUT].dtype == "uint8" else part * np.float32(PIXEL_SCALE)
        for name, values in evaluate(graph, {INPUT: feed}, [*ranges]).items():
            low, high = ranges[name]
            ranges[name] = min(low, float(values.min())), max(high, float(values.max()))
    return ranges


def _source(name: str, origins: Mapping[str, Node]) -> str:
    """Return the value whose scale another one has: pooling and flattening keep it."""
    while name in origins and origins[name].operator in KEEPING_SCALE:
        name = origins[name].inputs[0]
    return name
