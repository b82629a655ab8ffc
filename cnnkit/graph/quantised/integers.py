"""What QDQ computes with integers: `to_integers(graph)`, as ONNX Runtime fuses it.

Between DequantizeLinear and QuantizeLinear, float operators become those of integers
(`cnnkit.graph.operators.quantised`); what only moves elements becomes itself, on integers. What has
no such operator stays in float, between the two nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import consumers, drop_unused, with_nodes
from cnnkit.graph.quantised.form import MOVED
from cnnkit.graph.types import Array

BORDERS = ("QuantizeLinear", "DequantizeLinear")
Parts = tuple[str, str, str]  # the names of integers, their scale and their zero point


class Borders:
    """The nodes of a graph between numbers and integers.

    Attributes:
        graph: as QDQ.
        made: the node of each value.
        zeros: zero points that nodes leave out, by the name that they get.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.made = {name: node for node in graph.nodes for name in node.outputs}
        self.users = consumers(graph)
        self.zeros: dict[str, Array] = {}

    def taken(self, name: str) -> Parts | None:
        """Return the integers that a value stands for, None if it is no DequantizeLinear's."""
        node = self.made.get(name)
        return self._parts(node) if node and node.operator == "DequantizeLinear" else None

    def given(self, name: str) -> tuple[Parts, Node] | None:
        """Return what becomes of a value, if it is nothing but rounded: scale, zero point, node."""
        users = self.users.get(name, [])
        if len(users) != 1 or users[0].operator != "QuantizeLinear" or name in self.graph.outputs:
            return None
        return self._parts(users[0]), users[0]

    def _parts(self, node: Node) -> Parts:
        zero = node.inputs[2] if len(node.inputs) > 2 else ""
        if not zero:  # ONNX: 0, of the type of the integers
            zero = f"{node.outputs[0]}.zero_point"
            whole = self.graph.tensors.get(node.inputs[0])
            dtype = np.uint8 if whole is None else whole.dtype
            made = self.made.get(node.inputs[0])
            if made is not None and len(made.inputs) > 2 and made.inputs[2] in self.graph.tensors:
                dtype = self.graph.tensors[made.inputs[2]].dtype
            self.zeros[zero] = np.zeros(self.graph.tensors[node.inputs[1]].shape, dtype)
        return node.inputs[0], node.inputs[1], zero

    def is_constant(self, parts: Parts) -> bool:
        """Tell whether the integers themselves are known."""
        return parts[0] in self.graph.tensors

    def same_scale(self, x: Parts, y: Parts) -> bool:
        """Tell whether two values stand for numbers in the same way."""
        known = {**self.graph.tensors, **self.zeros}
        pairs = zip(x[1:], y[1:], strict=True)
        return all(np.array_equal(known[a], known[b]) for a, b in pairs)


def to_integers(graph: Graph) -> Graph:
    """Return a QDQ graph with operators of integers where there are some."""
    graph = _with_scalars(graph)
    borders = Borders(graph)
    instead: dict[str, Node | None] = {}
    for node in graph.nodes:
        rule = RULES.get(node.operator)
        found = borders.given(node.outputs[0]) if node.outputs else None
        if rule is None:
            continue
        made = rule(borders, node, found[0] if found else None)
        if made is None:
            continue
        instead[node.outputs[0]] = None
        if found:
            outputs = found[1].outputs
            instead[found[1].outputs[0]] = replace(made, outputs=outputs, name=node.name)
            instead.setdefault(node.outputs[0], None)
        else:
            instead[node.outputs[0]] = replace(made, name=node.name)
    nodes = [instead.get(node.outputs[0], node) for node in graph.nodes]
    return drop_unused(with_nodes(graph, [n for n in nodes if n is not None], borders.zeros))


def _with_scalars(graph: Graph) -> Graph:
    """Return a graph whose values have their one scale and zero point as [], not as [1]."""
    tensors = dict(graph.tensors)
    for node in graph.nodes:
        if node.operator in BORDERS and node.inputs[0] not in tensors:
            names = [name for name in node.inputs[1:] if name and tensors[name].size == 1]
            tensors |= {name: tensors[name].reshape(()) for name in names}
    return replace(graph, tensors=tensors)


def _layer(
    borders: Borders, node: Node, y: Parts | None
) -> tuple[Parts, Parts, tuple[str, ...]] | None:
    """Return the integers of a layer's input and weight, and the name of its bias, if any.

    Raises:
        InputError: a bias is read by ONNX Runtime as something else than the file says.
    """
    x, weight = borders.taken(node.inputs[0]), borders.taken(node.inputs[1])
    if x is None or weight is None or borders.is_constant(x) or not borders.is_constant(weight):
        return None
    if len(node.inputs) < 3:
        return x, weight, ()
    bias = borders.taken(node.inputs[2])
    if bias is None:
        return None
    if not _is_bias(borders, bias, x, weight):
        if node.operator == "Gemm" and _of_sums(borders, bias):
            raise node.refused(
                "the scale of its int32 bias is not its input's times its weight's, "
                "of which ONNX Runtime takes no notice",
                "quantise the model again",
            )
        return None
    return x, weight, bias[:1]


def _of_sums(borders: Borders, bias: Parts) -> bool:
    """Tell whether a bias is a constant of int32."""
    known = borders.graph.tensors.get(bias[0])
    return known is not None and known.dtype == np.int32


def _is_bias(borders: Borders, bias: Parts, x: Parts, weight: Parts) -> bool:
    """Tell whether a bias has the scale of the sums, so that it can be added to them."""
    known = {**borders.graph.tensors, **borders.zeros}
    if any(name not in known for name in bias) or known[bias[0]].dtype != np.int32:
        return False
    expected = known[x[1]].astype(np.float32) * known[weight[1]].astype(np.float32)
    return bool(np.allclose(known[bias[1]], expected, rtol=1e-5)) and not np.any(known[bias[2]])


def _conv(borders: Borders, node: Node, y: Parts | None) -> Node | None:
    layer = _layer(borders, node, y)
    if layer is None or y is None:
        return None
    x, weight, bias = layer
    inputs = (*x, *weight, *y[1:], *bias)
    return Node("QLinearConv", inputs, node.outputs, node.attributes)


def _gemm(borders: Borders, node: Node, y: Parts | None) -> Node | None:
    layer, a = _layer(borders, node, y), node.attributes
    if layer is None or not a["transB"] or a["transA"] or not a["alpha"] == a["beta"] == 1.0:
        return None
    x, weight, bias = layer
    inputs = (*x, *weight, *(bias or ("",)), *(y[1:] if y else ()))
    return Node("QGemm", inputs, node.outputs, {"transB": 1})


def _add(borders: Borders, node: Node, y: Parts | None) -> Node | None:
    parts = [borders.taken(name) for name in node.inputs]
    known = [each for each in parts if each is not None and not borders.is_constant(each)]
    if y is None or len(known) != 2:
        return None
    return Node("QLinearAdd", (*known[0], *known[1], *y[1:]), node.outputs)


def _average(borders: Borders, node: Node, y: Parts | None) -> Node | None:
    x = borders.taken(node.inputs[0])
    if x is None or y is None:
        return None
    return Node(f"QLinear{node.operator}", (*x, *y[1:]), node.outputs, node.attributes)


def _moved(borders: Borders, node: Node, y: Parts | None) -> Node | None:
    """Let a node move integers, if both sides have one scale."""
    x = borders.taken(node.inputs[0])
    if x is None or y is None or len(node.outputs) > 1 or not borders.same_scale(x, y):
        return None
    return replace(node, inputs=(x[0], *node.inputs[1:]))


def _concat(borders: Borders, node: Node, y: Parts | None) -> Node | None:
    parts = [borders.taken(name) for name in node.inputs]
    known = [each for each in parts if each is not None and not borders.is_constant(each)]
    if y is None or len(known) != len(parts):
        return None
    if all(borders.same_scale(x, y) for x in known):
        return replace(node, inputs=tuple(x[0] for x in known))
    flat = [name for integers, scale, zero in known for name in (integers, scale, zero)]
    return Node("QLinearConcat", (*y[1:], *flat), node.outputs, node.attributes)


RULES: Mapping[str, Callable[[Borders, Node, Parts | None], Node | None]] = {
    **dict.fromkeys(MOVED, _moved),
    "Conv": _conv,
    "Gemm": _gemm,
    "Add": _add,
    "AveragePool": _average,
    "GlobalAveragePool": _average,
    "Concat": _concat,
}


def around_zero(graph: Graph) -> Graph:
    """Return a graph of integers whose layers have weights around 0, int8 where they fit."""
    tensors = dict(graph.tensors)
    for node in graph.nodes:
        if node.operator not in ("QLinearConv", "QGemm"):
            continue
        weight, zeros = (tensors[name] for name in (node.inputs[3], node.inputs[5]))
        around = zeros.astype(np.int16).reshape(-1, *[1] * (weight.ndim - 1))
        whole = weight.astype(np.int16) - around
        if whole.size and -128 <= whole.min() <= whole.max() <= 127:
            tensors[node.inputs[3]] = whole.astype(np.int8)
            tensors[node.inputs[5]] = np.zeros(zeros.shape, np.int8)
    return replace(graph, tensors=tensors)
