"""A quantised network with its numbers as float32: `in_float32(graph)`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.quantised import OPERATORS
from cnnkit.graph.passes.rewriting import drop_unused
from cnnkit.graph.types import Array

RECTIFIED = ("Conv", "Gemm", "Add")  # what a ReLU follows


def in_float32(graph: Graph) -> Graph:
    """Return a QDQ graph's network in float32, rounded nowhere.

    A ReLU stands where integers begin at their zero point, as in the network that was quantised.
    """
    made = {name: node for node in graph.nodes for name in node.outputs}
    tensors: dict[str, Array] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        border = replace(
            node, operator="Identity", inputs=node.inputs[:1], attributes={}, domain=""
        )
        if node.operator == "DequantizeLinear" and node.inputs[0] in graph.tensors:
            tensors[node.outputs[0]] = _numbers(graph, node)
        elif node.operator == "QuantizeLinear":
            maker = made.get(node.inputs[0])
            layer = (
                maker is not None and maker.operator in RECTIFIED and _begins_at_zero(graph, node)
            )
            nodes.append(replace(border, operator="Relu" if layer else "Identity"))
        else:
            nodes.append(border if node.operator == "DequantizeLinear" else node)
    known = {**graph.tensors, **tensors}
    return drop_unused(Graph(graph.inputs, tuple(nodes), graph.outputs, known))


def _begins_at_zero(graph: Graph, node: Node) -> bool:
    zero = graph.tensors[node.inputs[2]] if len(node.inputs) > 2 else np.zeros((), np.uint8)
    return bool(np.all(zero == np.iinfo(zero.dtype).min))


def _numbers(graph: Graph, node: Node) -> Array:
    """Return what a constant of integers stands for."""
    arrays: list[Array | None] = [graph.tensors.get(name) for name in node.inputs]
    row = OPERATORS["DequantizeLinear"]
    (found,) = row.evaluate(node.attributes, arrays, np.einsum)
    return np.asarray(found, np.float32)
