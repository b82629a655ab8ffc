"""A quantised network as a workload: cnnkit must have the oracle's bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cnnkit.bench.workloads.base import Float64
from cnnkit.bench.workloads.graph import GraphWorkload, graph_work
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.quantised import OPERATORS
from cnnkit.graph.passes.rewriting import drop_unused
from cnnkit.graph.quantised import to_integers
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array

# Of the largest logit: other runtimes round elsewhere, and float32 nowhere.
STEPS_AWAY = 0.25
RECTIFIED = ("Conv", "Gemm", "Add")  # what a ReLU follows


@dataclass(frozen=True, kw_only=True)
class IntegerWorkload(GraphWorkload):
    """A network of QuantizeLinear and DequantizeLinear, or of operators on integers."""

    @cached_property
    def reference(self) -> Float64:
        """The logits [N, K] that the integers give."""
        graph = to_integers(self.graph)
        feed = {INPUT: self.x}
        found = evaluate(graph, feed, (LOGITS,), reproducible=False, dtype="float32")
        return np.asarray(found[LOGITS], np.float64)

    @property
    def peer_tolerance(self) -> float:
        """What other runtimes may be off."""
        return STEPS_AWAY


def network_work(name: str, graph: Graph, images: Array, about: str) -> GraphWorkload:
    """Return any network on images, uint8 [N, C, H, W], as a workload."""
    if any(node.operator == "QuantizeLinear" for node in graph.nodes):
        about = f"{about}; int8, compared with its own integers"
        return IntegerWorkload(name, images, (), None, 0.0, about, graph=graph)
    return graph_work(name, graph, images, about)


def in_float32(work: IntegerWorkload) -> GraphWorkload:
    """Return the same network with its numbers as float32, rounded nowhere.

    A ReLU stands where integers begin at their zero point, as in the network that was quantised.
    """
    graph = work.graph
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
    return replace(work, graph=drop_unused(Graph(graph.inputs, tuple(nodes), graph.outputs, known)))


def _begins_at_zero(graph: Graph, node: Node) -> bool:
    zero = graph.tensors[node.inputs[2]] if len(node.inputs) > 2 else np.zeros((), np.uint8)
    return bool(np.all(zero == np.iinfo(zero.dtype).min))


def _numbers(graph: Graph, node: Node) -> Array:
    """Return what a constant of integers stands for."""
    arrays: list[Array | None] = [graph.tensors.get(name) for name in node.inputs]
    row = OPERATORS["DequantizeLinear"]
    (found,) = row.evaluate(node.attributes, arrays, np.einsum)
    return np.asarray(found, np.float32)
