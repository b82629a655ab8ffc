"""Values of int8 as uint8, which kernels take: `as_unsigned(graph)`, of an integer graph.

Integers and their zero points are 128 larger, so that they stand for the same numbers. Sums of
products and what only compares or moves integers stay the same to the bit. Additions are float32,
and round in another way with other zero points, so that they keep the factors that they had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.quantised import add_factors
from cnnkit.graph.passes.rewriting import drop_unused, unused_name, with_nodes
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import Array

MIDDLE = 128
# Where the zero points of a node's values are; those of weights are others.
ZEROS: dict[str, Sequence[int]] = {
    "QuantizeLinear": (2,),
    "DequantizeLinear": (2,),
    "QLinearConv": (2, 7),
    "QGemm": (2, 8),
    "QLinearAdd": (2, 5, 7),
    "QLinearAveragePool": (2, 4),
    "QLinearGlobalAveragePool": (2, 4),
}


Factors = tuple[Array, Array, Array]


def as_unsigned(graph: Graph) -> tuple[Graph, dict[str, Factors]]:
    """Return the same network with uint8 values, and the factors of the additions of int8.

    A graph that has no such values is returned itself.
    """
    types = infer_types(graph)
    made = {name for node in graph.nodes for name in node.outputs}
    if all(types[name].dtype != "int8" for name in made):
        return graph, {}
    factors: dict[str, Factors] = {}
    tensors: dict[str, Array] = {}
    nodes = []
    for node in graph.nodes:
        inputs = list(node.inputs)
        if node.operator == "QLinearAdd" and types[inputs[0]].dtype == "int8":
            factors[node.outputs[0]] = add_factors([graph.tensors.get(name) for name in inputs])
        for index in _zeros(node):
            whole = types[node.outputs[0] if node.operator == "QuantizeLinear" else inputs[0]]
            if index == len(inputs) and node.operator == "DequantizeLinear":
                if inputs[0] not in made or whole.dtype != "int8":
                    continue
                inputs.append("")
            if index >= len(inputs) or (inputs[0] in graph.tensors and index == 2):
                continue
            zero = graph.tensors.get(inputs[index]) if inputs[index] else np.zeros((), np.int8)
            if zero is not None and zero.dtype == np.int8:
                name = unused_name(f"{node.outputs[0]}.unsigned{index}", types, tensors)
                tensors[name] = (zero.astype(np.int32) + MIDDLE).astype(np.uint8)
                inputs[index] = name
        nodes.append(replace(node, inputs=tuple(inputs)))
    return drop_unused(with_nodes(graph, nodes, tensors)), factors


def _zeros(node: Node) -> Sequence[int]:
    if node.operator == "QLinearConcat":
        return (1, *range(4, len(node.inputs), 3))
    return ZEROS.get(node.operator, ())
