"""The checks of an ONNX file in 8 bits: `check_quantised(path, metadata, weights, dataset)`.

Nothing that such a file states of itself is taken for granted. Its nodes that quantise are taken
out, and what is left has to be the network's graph; each weight has to be the network's, rounded
with the scale that follows from it; and each activation's scale has to be that of the network's
values on the training images.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.base import Check
from cnnkit.formats.contract import input_type
from cnnkit.formats.onnx.quantize import CALIBRATION, QUANTISED, WEIGHT_LIMIT
from cnnkit.formats.onnx.strict import read_strict
from cnnkit.formats.onnx.unquantised import Step, read_quantised, without_relu
from cnnkit.formats.onnx.wire import OddFileError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import INPUT, with_contract
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.reference import evaluate

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


def check_quantised(
    path: Path, metadata: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    """Return the checks of graph, weights and scales of a file in 8 bits."""
    whole = with_contract(weights.graph, input_type(metadata))
    graph = without_relu(whole)
    try:
        parameters, activations = read_quantised(read_strict(path), graph)
    except OddFileError as error:
        return [Check(SAME_GRAPH, False, str(error))]
    return [
        Check(SAME_GRAPH, True, f"{len(graph.nodes)} nodes, {len(activations)} activations"),
        _check_parameters(graph, parameters, activations),
        _check_ranges(whole, activations, metadata, dataset),
    ]


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
        # Ranges are compared with a tolerance, in which rounding does not show.
        found = evaluate(graph, {INPUT: feed}, [*ranges], reproducible=False)
        for name, values in found.items():
            low, high = ranges[name]
            ranges[name] = min(low, float(values.min())), max(high, float(values.max()))
    return ranges


def _source(name: str, origins: Mapping[str, Node]) -> str:
    """Return the value whose scale another one has: pooling and flattening keep it."""
    while name in origins and origins[name].operator in KEEPING_SCALE:
        name = origins[name].inputs[0]
    return name
