"""A graph in the few forms that are lowered: `prepare(graph)`, still of ONNX's operators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.forms import head_from_logits, join_gemm
from cnnkit.graph.passes.order import simplify
from cnnkit.graph.passes.rewriting import drop_unused, unused_name, with_nodes
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import Array, narrow, widen


def prepare(graph: Graph) -> Graph:
    """Return the same network with its batch normalisations folded and its matrices joined.

    What is prepared already comes back as it is.
    """
    graph = head_from_logits(join_gemm(simplify(graph)))
    return drop_unused(norm_as_convolution(graph))


def norm_as_convolution(graph: Graph) -> Graph:
    """Make depthwise 1x1 convolutions of the batch normalisations that no convolution precedes.

    w = scale / √(variance + ε), b = shift - mean · w
    """
    types = infer_types(graph)
    tensors: dict[str, Array] = {}
    nodes = []
    for node in graph.nodes:
        known = node.operator == "BatchNormalization" and all(
            name in graph.tensors for name in node.inputs[1:]
        )
        if known and len(types[node.inputs[0]].shape) == 4:
            weight, bias = (
                unused_name(f"{node.outputs[0]}.{part}", types, tensors)
                for part in ("weight", "bias")
            )
            tensors[weight], tensors[bias] = _fold(graph, node)
            node = _convolution(node, (weight, bias), len(tensors[bias]))
        nodes.append(node)
    return with_nodes(graph, nodes, tensors)


def _fold(graph: Graph, node: Node) -> tuple[Array, Array]:
    arrays = [graph.tensors[name] for name in node.inputs[1:]]
    scale, shift, mean, variance = map(widen, arrays)
    with np.errstate(all="ignore"):
        factor = scale / np.sqrt(variance + node.attributes["epsilon"])
        both = factor.reshape(-1, 1, 1, 1), shift - mean * factor
    return narrow(both[0], arrays[0].dtype.name), narrow(both[1], arrays[0].dtype.name)


def _convolution(node: Node, parameters: tuple[str, str], channels: int) -> Node:
    return replace(
        node,
        operator="Conv",
        inputs=(node.inputs[0], *parameters),
        attributes={"kernel_shape": (1, 1), "group": channels},
    )
