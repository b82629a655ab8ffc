"""Convolutions with what follows them as one node: `fuse_convolutions(graph)`.

The result is cnnkit's FusedConv: conv, then residual, activation and max-pool where there are any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.fused import DOMAIN, POOL
from cnnkit.graph.passes.rewriting import consumers, single_consumer, with_nodes
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import TensorType


class Chain(NamedTuple):
    """A convolution and the nodes that are fused into it; each takes the one before it."""

    nodes: tuple[Node, ...]
    residual: str = ""
    attributes: Mapping[str, Any] = {}


def fuse_convolutions(graph: Graph) -> Graph:
    """Fuse each convolution with the residual, activation and max-pool behind it.

    Only values that nothing else takes are fused away. A residual must be computed before the last
    node of the chain, where the fused node stands.
    """
    users, types = consumers(graph), infer_types(graph)
    instead: dict[str, Node | None] = {}
    for conv in graph.nodes:
        if conv.operator != "Conv" or conv.outputs[0] in instead:
            continue
        chain = _chain(graph, users, types, conv, instead)
        for node in chain.nodes[:-1]:
            instead[node.outputs[0]] = None
        instead[chain.nodes[-1].outputs[0]] = _fused(chain)
    nodes = [instead.get(node.outputs[0], node) for node in graph.nodes]
    return with_nodes(graph, [node for node in nodes if node is not None])


def _chain(
    graph: Graph,
    users: Mapping[str, list[Node]],
    types: Mapping[str, TensorType],
    conv: Node,
    taken: Mapping[str, Node | None],
) -> Chain:
    """Go from a convolution as far as nodes can be fused; a pool may stand before its Relu."""
    nodes, residual, attributes = [conv], "", dict[str, Any]()
    while True:
        value = nodes[-1].outputs[0]
        node = single_consumer(graph, users, value)
        if node is None or node.outputs[0] in taken:
            break
        added = _residual(node, value, types)
        activation = _activation(graph, node)
        if added and not residual and not attributes:
            residual = added
        elif activation and _may_follow(attributes):
            attributes |= activation
        elif node.operator == "MaxPool" and "pool_kernel_shape" not in attributes:
            attributes |= {f"{POOL}{name}": v for name, v in node.attributes.items()}
        else:
            break
        nodes.append(node)
    return Chain(tuple(nodes), residual, attributes)


def _may_follow(attributes: Mapping[str, Any]) -> bool:
    """Tell whether an activation can be the node's; all of ours give the same behind a pool.

    Unless a window holds nothing but padding, which a dilated one can.
    """
    dilated = any(step != 1 for step in attributes.get(f"{POOL}dilations", ()))
    return "activation" not in attributes and not dilated


def _residual(node: Node, value: str, types: Mapping[str, TensorType]) -> str:
    """Return the value that a node adds to one of the same shape, else nothing."""
    if node.operator not in ("Add", "Sum") or len(node.inputs) != 2:
        return ""
    left, right = node.inputs
    other = right if left == value else left
    return other if other != value and types[other] == types[value] else ""


def _activation(graph: Graph, node: Node) -> dict[str, Any]:
    """Return FusedConv's attributes of an activation, none if the node is no such."""
    if node.operator == "Relu":
        return {"activation": "Relu"}
    limits = [graph.tensors.get(name) for name in node.inputs[1:]]
    if node.operator != "Clip" or len(limits) != 2:
        return {}
    lower, upper = (np.nan if limit is None else float(limit.reshape(())) for limit in limits)
    if not np.isfinite(lower) or not np.isfinite(upper) or lower > upper:
        return {}
    return {"activation": "Clip", "clip_min": lower, "clip_max": upper}


def _fused(chain: Chain) -> Node:
    """Return the one node, with the name and the output of the last."""
    conv, last = chain.nodes[0], chain.nodes[-1]
    bias = conv.inputs[2] if len(conv.inputs) > 2 else ""
    return Node(
        "FusedConv",
        (*conv.inputs[:2], bias, chain.residual),
        last.outputs,
        {**conv.attributes, **chain.attributes},
        last.name,
        DOMAIN,
    )
