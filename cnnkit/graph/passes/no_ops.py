"""Nodes that change nothing, and transposes that undo one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import replace_values, with_nodes
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import Array, TensorType


def drop_no_ops(graph: Graph) -> Graph:
    """Leave out Identity, Dropout, and Cast, Pad, Transpose or Reshape to what is there already.

    A node stays whose result is an output of the graph, which needs its name.
    """
    types = infer_types(graph)
    same, dropped = {}, set()
    for node in graph.nodes:
        if _is_no_op(node, types, graph.tensors) and not set(graph.outputs) & set(node.outputs):
            same[node.outputs[0]] = node.inputs[0]
            dropped.add(node.outputs[0])
    return replace_values(graph, same, dropped)


def _is_no_op(node: Node, types: Mapping[str, TensorType], tensors: Mapping[str, Array]) -> bool:
    x, y = types[node.inputs[0]], types[node.outputs[0]]
    if node.operator == "Dropout":
        return len(node.outputs) == 1
    if node.operator == "Transpose":
        return _order(node, types) == tuple(range(len(x.shape)))
    if node.operator == "Pad":
        return not np.any(tensors[node.inputs[1]])
    return node.operator == "Identity" or (
        x == y and node.operator in ("Cast", "Reshape", "Flatten", "Squeeze")
    )


def cancel_transposes(graph: Graph) -> Graph:
    """Make one transpose of two behind one another; `drop_no_ops` drops those that move nothing."""
    types = infer_types(graph)
    made: dict[str, Node] = {}
    nodes = []
    for node in graph.nodes:
        if node.operator == "Transpose":
            before = made.get(node.inputs[0])
            if before is not None:
                first, then = (_order(each, types) for each in (before, node))
                order = tuple(first[axis] for axis in then)
                node = replace(node, inputs=before.inputs, attributes={"perm": order})
            made[node.outputs[0]] = node
        nodes.append(node)
    return with_nodes(graph, nodes)


def _order(node: Node, types: Mapping[str, TensorType]) -> tuple[int, ...]:
    reverse = tuple(reversed(range(len(types[node.inputs[0]].shape))))
    order: tuple[int, ...] = node.attributes["perm"]
    return order or reverse
