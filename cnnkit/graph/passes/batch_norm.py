"""Batch normalisation folded into the convolution before it, in float64, rounded once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import consumers, single_consumer, unused_name, with_nodes
from cnnkit.graph.types import Array, narrow, widen


def fold_batch_norm(graph: Graph) -> Graph:
    """Give each convolution whose result is only normalised the weights that do both.

    w' = w · scale / √(variance + ε), b' = (b - mean) · scale / √(variance + ε) + shift
    """
    users, made = consumers(graph), {node.outputs[0]: node for node in graph.nodes}
    folded: dict[str, Node | None] = {}  # by first output: what stands there instead
    tensors: dict[str, Array] = {}
    for node in graph.nodes:
        conv = made.get(node.inputs[0]) if node.operator == "BatchNormalization" else None
        if conv is None or conv.operator != "Conv":
            continue
        constants = [*node.inputs[1:], *conv.inputs[1:]]
        if not all(name in graph.tensors for name in constants):
            continue
        if single_consumer(graph, users, node.inputs[0]) is not node:
            continue
        weight, bias = _fold(graph, conv, node)
        names = [
            unused_name(f"{node.outputs[0]}.{part}", made, graph.inputs, graph.tensors, tensors)
            for part in ("weight", "bias")
        ]
        tensors |= dict(zip(names, (weight, bias), strict=True))
        folded[conv.outputs[0]] = None
        folded[node.outputs[0]] = replace(
            conv, inputs=(conv.inputs[0], *names), outputs=node.outputs
        )
    nodes = [folded.get(node.outputs[0], node) for node in graph.nodes]
    return with_nodes(graph, [node for node in nodes if node is not None], tensors)


def _fold(graph: Graph, conv: Node, norm: Node) -> tuple[Array, Array]:
    """Return weight and bias of both, of the weight's type."""
    weight = graph.tensors[conv.inputs[1]]
    scale, shift, mean, variance = (widen(graph.tensors[name]) for name in norm.inputs[1:])
    bias = widen(graph.tensors[conv.inputs[2]]) if len(conv.inputs) > 2 else np.zeros(len(weight))
    with np.errstate(all="ignore"):  # a variance below zero gives NaN, as in the node itself
        factor = scale / np.sqrt(variance + norm.attributes["epsilon"])
        column = factor.reshape(-1, *[1] * (weight.ndim - 1))
        both = widen(weight) * column, (bias - mean) * factor + shift
    return narrow(both[0], weight.dtype.name), narrow(both[1], weight.dtype.name)
