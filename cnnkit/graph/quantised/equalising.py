"""Cross-layer equalisation: `equalised(graph, exponents(plan, statistics))` computes the same.

The channels of a value share one scale, so one with small numbers has few steps. Where nothing but
ReLU and max-pools stand between two layers, a channel can be larger between them by any factor,
for ReLU(f x) = f ReLU(x): the first layer's weights are multiplied by it, and the second one's
divided. Factors are powers of two, by which floats change exactly. For networks with depthwise
convolutions, whose weights have a scale for each channel anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import consumers
from cnnkit.graph.quantised.form import LAYERS, Plan
from cnnkit.graph.quantised.statistics import Values
from cnnkit.graph.types import Array

Exponents = Mapping[str, Sequence[int]]
PASSED = ("Relu", "MaxPool")  # by which a channel's factor goes through
MOST = 8  # an exponent


class Link(NamedTuple):
    """Two layers with one value between them.

    Attributes:
        value: the name of what the second one takes.
        first: gives the value, by the way of what is between.
        second: takes it, and nothing else does.
    """

    value: str
    first: Node
    second: Node

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel has weights of its own in the second layer."""
        return bool(self.second.attributes.get("group", 1) > 1)


def exponents(plan: Plan, statistics: Mapping[str, Values]) -> dict[str, list[int]]:
    """Return the powers of two that channels are multiplied by, of values where there are some.

    A depthwise convolution loses nothing by them. Another layer's weights for a channel get smaller
    within their rows; in the middle, both are rounded equally.
    """
    found = {}
    for link in links(plan):
        highs = statistics[link.value].highs if link.value in statistics else np.zeros(0)
        if not highs.any():
            continue
        room = highs.max() / np.where(highs > 0, highs, highs.max())
        if not link.is_depthwise:
            room = np.sqrt(np.maximum(room * _share(plan.graph, link), 1.0))
        powers = np.clip(np.floor(np.log2(room)), 0, MOST).astype(int)
        if powers.any():
            found[link.value] = powers.tolist()
    return found


def _share(graph: Graph, link: Link) -> Array:
    """Return the largest share that a channel's weights have of the largest of their row."""
    weight = np.abs(graph.tensors[link.second.inputs[1]].astype(np.float64))
    weight = weight.reshape(*weight.shape[:2], -1).max(axis=2)
    largest = weight.max(axis=1, keepdims=True)
    share: Array = (weight / np.where(largest > 0, largest, 1.0)).max(axis=0)
    return share


def links(plan: Plan) -> list[Link]:
    """Return where a network with depthwise convolutions can be equalised."""
    graph, users = plan.graph, consumers(plan.graph)
    made = {name: node for node in graph.nodes for name in node.outputs}
    found = []
    for second in graph.nodes:
        if not _is_layer(plan, users, second) or second.operator != "Conv":
            continue
        first, alone = made.get(second.inputs[0]), _is_alone(graph, users, second.inputs[0])
        while alone and first is not None and first.operator in PASSED:
            alone = _is_alone(graph, users, first.inputs[0])
            first = made.get(first.inputs[0])
        if alone and first is not None and _is_layer(plan, users, first):
            found.append(Link(second.inputs[0], first, second))
    has_depthwise = any(node.attributes.get("group", 1) > 1 for node in graph.nodes)
    return found if has_depthwise else []


def _is_layer(plan: Plan, users: Mapping[str, list[Node]], node: Node) -> bool:
    """Tell whether a node is a layer in 8 bits, of one group or depthwise, with own parameters."""
    if node.operator not in LAYERS or node.outputs[0] not in plan.nodes:
        return False
    weight, group = plan.graph.tensors[node.inputs[1]], node.attributes.get("group", 1)
    plain = group in (1, len(weight)) and (group == 1 or weight.shape[1] == 1)
    return plain and all(len(users[name]) == 1 for name in node.inputs[1:] if name)


def _is_alone(graph: Graph, users: Mapping[str, list[Node]], name: str) -> bool:
    return len(users.get(name, [])) == 1 and name not in graph.outputs


def equalised(plan: Plan, powers: Exponents) -> Graph:
    """Return the same network with channels multiplied by powers of two between layers.

    Raises:
        InputError: there are no such values, or not as many channels.
    """
    known = {link.value: link for link in links(plan)}
    tensors = dict(plan.graph.tensors)
    for value, row in powers.items():
        link = known.get(value)
        if link is None or len(row) != len(tensors[link.first.inputs[1]]):
            raise InputError(value, "cannot be equalised so", "export it again")
        factor = np.exp2(np.asarray(row, np.float32))
        for name in filter(None, link.first.inputs[1:]):
            tensors[name] = tensors[name] * factor.reshape(-1, *[1] * (tensors[name].ndim - 1))
        weight = tensors[link.second.inputs[1]]
        axis = 0 if link.is_depthwise else 1
        shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
        tensors[link.second.inputs[1]] = weight / factor.reshape(shape)
    graph = plan.graph
    return Graph(graph.inputs, graph.nodes, graph.outputs, tensors)
