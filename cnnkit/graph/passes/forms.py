"""One form for what files say in several: `canonical(graph)`, for the matcher of convnets.

Elements put in one row an image become Flatten, a matrix product and its bias become Gemm with
transB=1, heads are computed from the logits, and ceil_mode goes where nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.base import NodeError
from cnnkit.graph.operators.windows import Window, output_sizes
from cnnkit.graph.passes.rewriting import (
    consumers,
    drop_unused,
    single_consumer,
    unused_name,
    with_nodes,
)
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import FREE, Array, TensorType, count, narrow, widen

ROWS = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")  # keep the order of the elements
SOFTMAX = ("Softmax", "LogSoftmax")


def canonical(graph: Graph) -> Graph:
    """Return the same network in the form that the matcher of convnets knows."""
    for step in (round_down, flatten_rows, join_gemm, head_from_logits):
        graph = step(graph)
    return drop_unused(graph)


def round_down(graph: Graph) -> Graph:
    """Leave out ceil_mode of pools of which it changes no size."""
    types = infer_types(graph)

    def same(node: Node) -> bool:
        window = Window.of(node.attributes)
        try:
            floor = output_sizes(window._replace(ceil=False), types[node.inputs[0]])
        except NodeError:
            return False
        return floor == types[node.outputs[0]].shape[2:]

    return with_nodes(
        graph,
        [
            replace(node, attributes={**node.attributes, "ceil_mode": 0})
            if node.attributes.get("ceil_mode") and same(node)
            else node
            for node in graph.nodes
        ],
    )


def flatten_rows(graph: Graph) -> Graph:
    """Make one Flatten of what brings [N, ...] to [N, K] without moving an element."""
    types = infer_types(graph)
    sources: dict[str, str] = {}  # what holds the same elements in the same order
    nodes = []
    for node in graph.nodes:
        if node.operator in ROWS:
            source = sources.get(node.inputs[0], node.inputs[0])
            sources[node.outputs[0]] = source
            if _is_row(types[source], types[node.outputs[0]]):
                node = replace(node, operator="Flatten", inputs=(source,), attributes={"axis": 1})
        nodes.append(node)
    return drop_unused(with_nodes(graph, nodes))


def _is_row(x: TensorType, y: TensorType) -> bool:
    return (
        len(x.shape) > 2
        and y.shape == (x.shape[0], count(x.shape[1:]))
        and (x.shape[0] == FREE or FREE not in x.shape)
    )


def join_gemm(graph: Graph) -> Graph:
    """Make Gemm with transB=1 and a bias [K] of products by a constant and what is added to them.

    Factors go into the parameters.
    """
    users, types = consumers(graph), infer_types(graph)
    tensors: dict[str, Array] = {}
    instead: dict[str, Node | None] = {}
    for node in graph.nodes:
        weight = _weight(graph, node)
        if weight is None or len(types[node.inputs[0]].shape) != 2:
            continue
        last, bias = node, _bias(graph, node, types)
        add = single_consumer(graph, users, node.outputs[0])
        if bias is None and add is not None and add.operator == "Add":
            bias = _bias(graph, add, types)
            last = node if bias is None else add
        if node.operator == "Gemm" and bias is None and len(node.inputs) > 2:
            continue
        if last is node and _is_joined(graph, node, weight):
            continue
        names = [
            unused_name(f"{last.outputs[0]}.{part}", types, tensors) for part in ("weight", "bias")
        ]
        tensors[names[0]] = weight
        inputs: tuple[str, ...] = (node.inputs[0], names[0])
        if bias is not None:
            tensors[names[1]] = bias
            inputs = (*inputs, names[1])
        instead[node.outputs[0]] = None
        name = node.name or last.name
        instead[last.outputs[0]] = Node("Gemm", inputs, last.outputs, {"transB": 1}, name)
    nodes = [instead.get(node.outputs[0], node) for node in graph.nodes]
    return with_nodes(graph, [node for node in nodes if node is not None], tensors)


def _is_joined(graph: Graph, node: Node, weight: Array) -> bool:
    """Tell whether a node has the form already; `weight` is what `_weight` found."""
    bias = graph.tensors.get(node.inputs[2]) if len(node.inputs) > 2 else None
    plain = bias is None or (bias.shape == weight.shape[:1] and node.attributes["beta"] == 1.0)
    return plain and weight is graph.tensors[node.inputs[1]]


def _weight(graph: Graph, node: Node) -> Array | None:
    """Return the constant [K, features] that a node multiplies rows by, None if it does not."""
    if node.operator not in ("Gemm", "MatMul") or node.attributes.get("transA"):
        return None
    weight = graph.tensors.get(node.inputs[1])
    if weight is None or weight.ndim != 2:
        return None
    rows = weight if node.attributes.get("transB") else np.ascontiguousarray(weight.T)
    return _scaled(rows, node.attributes.get("alpha", 1.0))


def _bias(graph: Graph, node: Node, types: Mapping[str, TensorType]) -> Array | None:
    """Return the constant [K] that a Gemm or an Add adds to every row, None if there is none."""
    at = node.inputs[2:3] if node.operator == "Gemm" else node.inputs
    found = [graph.tensors[name] for name in at if name in graph.tensors]
    rows = types[node.outputs[0]]
    if node.operator not in ("Gemm", "Add") or len(found) != 1 or len(rows.shape) != 2:
        return None
    bias = found[0]
    if bias.ndim > 2 or (bias.ndim == 2 and len(bias) != 1) or bias.dtype.name != rows.dtype:
        return None
    wide = np.broadcast_to(bias.reshape(-1), (int(rows.shape[1]),))
    return np.ascontiguousarray(_scaled(wide, node.attributes.get("beta", 1.0)))


def _scaled(array: Array, factor: float) -> Array:
    return array if factor == 1.0 else narrow(widen(array) * factor, array.dtype.name)


def head_from_logits(graph: Graph) -> Graph:
    """Compute heads from what the softmax before them is computed from, where that is the same.

    A softmax of log-softmax is a softmax, and the largest probability is that of the largest logit.
    """
    types = infer_types(graph)
    made = {node.outputs[0]: node for node in graph.nodes}
    nodes = []
    for node in graph.nodes:
        before = made.get(node.inputs[0]) if node.inputs else None
        while before is not None and _is_kept(before, node, types):
            node = replace(node, inputs=before.inputs)
            before = made.get(node.inputs[0])
        nodes.append(node)
    return with_nodes(graph, nodes)


def _is_kept(before: Node, node: Node, types: Mapping[str, TensorType]) -> bool:
    """Tell whether a head gives the same with and without the softmax before it."""
    if before.operator not in SOFTMAX or node.operator not in (*SOFTMAX, "ArgMax"):
        return False
    rank = len(types[node.inputs[0]].shape)
    same_axis = before.attributes["axis"] % rank == node.attributes["axis"] % rank
    return same_axis and (before.operator == "LogSoftmax" or node.operator == "ArgMax")
