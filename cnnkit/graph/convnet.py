"""The family of Conv-ReLU-MaxPool stacks as graphs: `build(architecture, tensors)`, `match(graph)`.

Blocks of Conv (stride 1, square kernel), ReLU and MaxPool (window = stride), then Flatten and one
linear layer. `match` takes what other tools write for the same network, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.convnet_match import NO_PLACE, REMEDY, Convnet, Match
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.layout import NHWC, channels_last
from cnnkit.graph.normalisation import PIXELS, normalise, take_off
from cnnkit.graph.passes.inputs import split_input
from cnnkit.graph.types import Array, TensorType

INPUT = "image"
LOGITS, PROBABILITIES, LABEL = OUTPUTS = ("logits", "probabilities", "label")
RAW, SCALE = "raw", "pixel_scale"


def build(
    architecture: Architecture, tensors: Mapping[str, NDArray[np.float32]], input: str = "uint8"
) -> Graph:
    """Return the graph of a network: images [N, C, H, W] in; logits, probabilities and label out.

    Args:
        architecture: its shapes.
        tensors: float32 arrays by the names of `architecture.parameter_shapes()`.
        input: "uint8" for raw pixels, scaled by the graph, or "float32" for pixels from 0 to 1.
    """
    constants: dict[str, Array] = {name: tensors[name] for name in architecture.parameter_shapes()}
    nodes: list[Node] = []
    value = INPUT
    if input == "uint8":
        constants = {"pixel_scale": np.array(PIXEL_SCALE), **constants}
        nodes += [
            _node("Cast", [INPUT], "raw", to="float32"),
            _node("Mul", ["raw", "pixel_scale"], "scaled"),
        ]
        value = "scaled"
    for i, block in enumerate(architecture.blocks):
        kernel, pads, pool = (block.kernel,) * 2, (block.padding,) * 4, (block.pool,) * 2
        parameters = [f"convs.{i}.weight", f"convs.{i}.bias"]
        nodes += [
            _node("Conv", [value, *parameters], f"conv{i}", kernel_shape=kernel, pads=pads),
            _node("Relu", [f"conv{i}"], f"relu{i}"),
            _node("MaxPool", [f"relu{i}"], f"pool{i}", kernel_shape=pool, strides=pool),
        ]
        value = f"pool{i}"
    nodes += [
        _node("Flatten", [value], "features", axis=1),
        _node("Gemm", ["features", "linear.weight", "linear.bias"], "logits", transB=1),
        _node("Softmax", ["logits"], "probabilities", axis=1),
        _node("ArgMax", ["logits"], "label", axis=1, keepdims=0),
    ]
    images = TensorType(input, ("N", *architecture.input))
    return Graph({INPUT: images}, tuple(nodes), OUTPUTS, constants)


def draw(architecture: Architecture, seed: int = 0) -> Graph:
    """Return the graph of a network with initial parameters, as `initial_parameters` draws them."""
    return build(architecture, architecture.initial_parameters(seed))


def match(
    graph: Graph,
    source: object = "the network",
    problem: str = NO_PLACE,
    remedy: str = REMEDY,
) -> Convnet:
    """Return the architecture and the parameters of a graph of the family.

    Args:
        graph: any one.
        source: the file that errors shall name.
        problem: what is wrong with a node of another network, as the caller sees it.
        remedy: what to do with such a network.

    Raises:
        InputError: a node has no place in the family; it is named with the reason.
    """
    return Match(graph, source, problem, remedy).read()


def with_contract(graph: Graph, input: str, problem: str = "") -> Graph:
    """Return a graph with the contract's names of input and outputs.

    Args:
        graph: it is returned itself if it has them.
        input: as `build` has it, or "uint8-nhwc" for raw pixels with the channels last.
        problem: what is wrong with a node that is in the way.

    Raises:
        InputError: it has others, and a node that has no place in the family, of which another
            could be built.
    """
    if input == NHWC:
        return channels_last(with_contract(graph, "uint8", problem))
    if _keeps_contract(graph, input):
        return graph
    if input == "float32" and _keeps_contract(graph, "uint8"):
        normalisation, plain = take_off(graph)
        pixels, rest = split_input(plain)
        if pixels.scales_bytes:
            return rest if normalisation is None else normalise(rest, *normalisation.numbers)
    problem = problem or f"cannot be given {input} pixels and the contract's outputs"
    return build(*match(graph, problem=problem), input)


def scaling() -> tuple[Node, Node]:
    """Return the nodes that make scaled pixels of raw ones."""
    cast = Node("Cast", (INPUT,), (RAW,), {"to": "float32"}, RAW)
    return cast, Node("Mul", (RAW, SCALE), (PIXELS,), {}, PIXELS)


def with_raw_pixels(graph: Graph) -> Graph:
    """Return a graph of the contract that takes scaled pixels as it was when it took raw ones."""
    images = graph.inputs.get(INPUT)
    if images is None or images.dtype != "float32" or graph.outputs != OUTPUTS:
        return graph
    nodes = [
        replace(node, inputs=tuple(PIXELS if name == INPUT else name for name in node.inputs))
        for node in graph.nodes
    ]
    raw = {INPUT: replace(images, dtype="uint8")}
    tensors = {SCALE: np.array(PIXEL_SCALE), **graph.tensors}
    return Graph(raw, (*scaling(), *nodes), graph.outputs, tensors)


def _keeps_contract(graph: Graph, input: str) -> bool:
    """Tell whether a graph has the contract's input, and heads that are computed from logits."""
    images = graph.inputs.get(INPUT)
    if images is None or images.dtype != input or len(graph.inputs) > 1:
        return False
    made = {name: node for node in graph.nodes for name in node.outputs}
    heads = [made.get(name) for name in (PROBABILITIES, LABEL)]
    found = [node and (node.operator, node.inputs, dict(node.attributes)) for node in heads]
    return graph.outputs == OUTPUTS and found == [
        ("Softmax", (LOGITS,), {"axis": 1}),
        ("ArgMax", (LOGITS,), {"axis": 1, "keepdims": 0, "select_last_index": 0}),
    ]


def _node(operator: str, inputs: list[str], output: str, **attributes: Any) -> Node:
    return Node(operator, tuple(inputs), (output,), attributes, output)
