"""Types of every value of a graph, for a free number of images: `infer_types(graph)["logits"]`."""

from __future__ import annotations

from collections.abc import Mapping

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.base import NodeError
from cnnkit.graph.operators.table import OPERATORS
from cnnkit.graph.types import Array, TensorType


def infer_types(graph: Graph) -> dict[str, TensorType]:
    """Return the type of each input, constant and result by name.

    Raises:
        InputError: a node's inputs do not fit it, which is named with the reason.
    """
    types = {name: TensorType.of(array) for name, array in graph.tensors.items()}
    types |= graph.inputs
    for node in graph.nodes:
        types.update(infer_node(node, types, graph.tensors))
    return types


def infer_node(
    node: Node, types: Mapping[str, TensorType], tensors: Mapping[str, Array]
) -> dict[str, TensorType]:
    """Return the types of a node's outputs by name.

    Args:
        node: of a graph.
        types: those of its inputs, by name.
        tensors: the constants among them, by name.

    Raises:
        InputError: its inputs do not fit it.
    """
    try:
        found = OPERATORS[node.operator].infer_shape(
            node.attributes,
            [types[name] if name else None for name in node.inputs],
            [tensors.get(name) for name in node.inputs],
        )
    except NodeError as error:
        raise node.refused(error.reason, error.remedy) from error
    return dict(zip(node.outputs, found, strict=False))  # an optional output may not be asked for
