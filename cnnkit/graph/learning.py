"""What training changes of a graph's tensors: `learnt(graph)`, `statistics(graph)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import drop_unused, replace_values
from cnnkit.graph.types import Array

# Inputs of an operator that a gradient changes, and those that follow the data of a batch.
LEARNT = {
    "Conv": (1, 2),
    "FusedConv": (1, 2),
    "BatchNormalization": (1, 2),
    "ConvTranspose": (1, 2),
    "InstanceNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "Gemm": (1, 2),
    "MatMul": (0, 1),
}
STATISTICS = {"BatchNormalization": (3, 4)}


def learnt(graph: Graph) -> tuple[str, ...]:
    """Return the names of the parameters, in the order of the graph's tensors."""
    return _inputs(graph, LEARNT)


def statistics(graph: Graph) -> tuple[str, ...]:
    """Return the names of running means and variances, in the order of the graph's tensors."""
    return _inputs(graph, STATISTICS)


def trains_only(node: Node) -> bool:
    """Tell whether a node is there for training: Dropout, where its share is stated."""
    return node.operator == "Dropout" and len(node.inputs) > 1


def for_inference(graph: Graph) -> Graph:
    """Return a graph without the nodes that are there for training."""
    same = {
        node.outputs[0]: node.inputs[0]
        for node in graph.nodes
        if trains_only(node) and node.outputs[0] not in graph.outputs
    }
    return drop_unused(replace_values(graph, same, set(same))) if same else graph


def _inputs(graph: Graph, table: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    found = {
        node.inputs[index]
        for node in graph.nodes
        for index in table.get(node.operator, ())
        if index < len(node.inputs)
    }
    return tuple(
        n for n, tensor in graph.tensors.items() if n in found and tensor.dtype.kind == "f"
    )


def with_tensors(graph: Graph, tensors: Mapping[str, Array]) -> Graph:
    """Return a graph with other values of some of its tensors."""
    return replace(graph, tensors={**graph.tensors, **tensors})
