"""What each node of a graph costs for one image: `costs(graph)`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.quantised import OPERATORS as QUANTISED
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import TensorType, count

# Inputs of quantised operators that hold weights and biases; scales and zero points are neither.
INTEGERS = {"DequantizeLinear": (0,), "QLinearConv": (3, 8), "QGemm": (3, 6)}


@dataclass(frozen=True)
class Cost:
    """A node's costs.

    Attributes:
        node: its title.
        operator: ONNX's name.
        shape: the sizes of its first output, without the number of images.
        macc: multiplications that are added up.
        parameters: how many constants it alone takes, beside what says shapes and axes, or how
            integers stand for numbers.
        parameter_bytes: their bytes.
        output_bytes: of all its outputs.
    """

    node: str
    operator: str
    shape: tuple[int, ...]
    macc: int
    parameters: int
    parameter_bytes: int
    output_bytes: int


def costs(graph: Graph) -> list[Cost]:
    """Return the costs of all nodes, in the order of execution; a shared constant counts once.

    Raises:
        InputError: a node's inputs do not fit it.
    """
    types, counted = infer_types(graph), set[str]()
    found = []
    for node in graph.nodes:
        own = [
            graph.tensors[name]
            for name in dict.fromkeys(_parameters(node, types))
            if name in graph.tensors and name not in counted
        ]
        counted |= {*node.inputs}
        first = types[node.outputs[0]].shape
        found.append(
            Cost(
                node.title,
                node.operator,
                tuple(size for size in first if isinstance(size, int)),
                _macc(node, types),
                sum(array.size for array in own),
                sum(array.nbytes for array in own),
                sum(_bytes(types[name]) for name in node.outputs),
            )
        )
    return found


def _parameters(node: Node, types: Mapping[str, TensorType]) -> list[str]:
    """Return the inputs that are parameters where they are constants."""
    if node.operator in QUANTISED:
        indices = INTEGERS.get(node.operator, ())
        return [node.inputs[index] for index in indices if index < len(node.inputs)]
    return [name for name in node.inputs if name and types[name].is_float]


def _bytes(type: TensorType) -> int:
    return count(type.shape) * np.dtype(type.dtype).itemsize


def _macc(node: Node, types: Mapping[str, TensorType]) -> int:
    """Return the multiply-adds of the operators that have them."""
    outputs = count(types[node.outputs[0]].shape)
    if node.operator in ("Conv", "FusedConv"):
        return outputs * math.prod(map(int, types[node.inputs[1]].shape[1:]))
    if node.operator in ("QLinearConv", "QGemm"):
        return outputs * math.prod(map(int, types[node.inputs[3]].shape[1:]))
    if node.operator == "Gemm":
        left = types[node.inputs[0]].shape
        return outputs * int(left[0] if node.attributes["transA"] else left[1])
    if node.operator == "MatMul":
        return outputs * int(types[node.inputs[0]].shape[-1])
    return 0
