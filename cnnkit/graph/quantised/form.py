"""A network in the form that is quantised, and what of it is: `plan(graph, keep_float)`."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.windows import Window
from cnnkit.graph.passes.forms import flatten_rows, round_down
from cnnkit.graph.passes.rewriting import consumers, drop_unused, unused_name, with_nodes
from cnnkit.graph.program.preparation import prepare
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import TensorType

LAYERS = ("Conv", "Gemm")
COMPUTED = (*LAYERS, "Add", "AveragePool", "GlobalAveragePool")  # give their result a scale
# Their result has the scale of what they take.
MOVED = ("MaxPool", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split",
         "Concat")  # fmt: skip
ACTIVATIONS = ("Relu", "Clip")


@dataclass(frozen=True)
class Plan:
    """What is quantised of a network.

    Attributes:
        graph: the network in a form for that, still of float operators.
        nodes: first outputs of the nodes that compute with integers.
        values: names of the values that are integers, in the order of execution, with the first
            value that has the same scale.
        folded: activations that rounding to a range from 0 on does by itself: what each gives, by
            the value that it takes.
    """

    graph: Graph
    nodes: frozenset[str]
    values: Mapping[str, str]
    folded: Mapping[str, str]

    def output(self, node: Node) -> str:
        """Return a node's first output, or that of the activation that is folded into it."""
        return self.folded.get(node.outputs[0], node.outputs[0])


def prepared(graph: Graph) -> Graph:
    """Return the same network with batch normalisations folded and means as pools."""
    return drop_unused(means_as_pools(round_down(flatten_rows(prepare(graph)))))


def means_as_pools(graph: Graph) -> Graph:
    """Make GlobalAveragePool of what takes the mean of whole images, and Add of Sum."""
    types, nodes = infer_types(graph), []
    taken = {*types}
    for node in graph.nodes:
        x = types[node.inputs[0]] if node.inputs else None
        if node.operator == "Sum" and len(node.inputs) == 2:
            node = replace(node, operator="Add")
        elif node.operator == "AveragePool" and x and _sees_all(node, x):
            node = replace(node, operator="GlobalAveragePool", attributes={})
        elif node.operator == "ReduceMean" and x and _is_of_images(graph, node, x):
            pooled = node.outputs[0]
            if not node.attributes["keepdims"]:
                pooled = unused_name(f"{pooled}.pooled", taken)
                taken.add(pooled)
            name = node.name
            nodes.append(Node("GlobalAveragePool", node.inputs[:1], (pooled,), {}, name))
            if pooled == node.outputs[0]:
                continue
            node = Node("Flatten", (pooled,), node.outputs, {"axis": 1}, f"{name}.flat")
        nodes.append(node)
    return with_nodes(graph, nodes)


def _sees_all(node: Node, x: TensorType) -> bool:
    window = Window.of(node.attributes)
    return window.kernel == x.shape[2:] and not any(window.pads)


def _is_of_images(graph: Graph, node: Node, x: TensorType) -> bool:
    axes = graph.tensors.get(node.inputs[1]) if len(node.inputs) > 1 else None
    return axes is not None and len(x.shape) == 4 and sorted(axes.ravel() % 4) == [2, 3]


def plan(graph: Graph, keep_float: Collection[str] = ()) -> Plan:
    """Return what of a prepared network is quantised.

    Args:
        graph: as `prepared` returns it.
        keep_float: layers that are not, by the names of their nodes or outputs.

    Raises:
        InputError: there is no such layer.
    """
    _check_names(graph, keep_float)
    types, users = infer_types(graph), consumers(graph)
    nodes = {
        node.outputs[0]: node
        for node in graph.nodes
        if _is_quantised(graph, types, node) and not {node.name, *node.outputs} & {*keep_float}
    }
    folded = {
        node.inputs[0]: node.outputs[0]
        for node in graph.nodes
        if _is_folded(graph, node)
        and node.inputs[0] in nodes
        and nodes[node.inputs[0]].operator in (*LAYERS, "Add")
        and len(users[node.inputs[0]]) == 1
        and node.inputs[0] not in graph.outputs
    }
    values = _quantised_values(nodes, folded)
    moved = {name for name, node in nodes.items() if node.operator in MOVED and name in values}
    computed = {name for name, node in nodes.items() if node.operator in COMPUTED}
    made = [*graph.inputs, *(name for node in graph.nodes for name in node.outputs)]
    ordered = [name for name in made if name in values]
    return Plan(graph, frozenset(computed | moved), _classes(nodes, moved, ordered), folded)


def check_left(found: Plan, keep_float: Collection[str] = ()) -> None:
    """Raise InputError if nothing is quantised."""
    if found.nodes:
        return
    if keep_float:
        remedy = "keep fewer layers in float, or use the format onnx"
        raise InputError("--keep-float", "leaves no layer to quantise", remedy)
    remedy = "use a format in float, such as onnx or c"
    raise InputError("the network", "has no layer that can be quantised", remedy)


def _check_names(graph: Graph, keep_float: Collection[str]) -> None:
    layers = [node for node in graph.nodes if node.operator in COMPUTED]
    known = {name for node in layers for name in (node.name, *node.outputs)}
    for name in keep_float:
        if name not in known:
            listed = ", ".join(node.name or node.outputs[0] for node in layers)
            raise InputError(f"--keep-float {name}", "is not a layer", f"name one of {listed}")


def _is_quantised(graph: Graph, types: Mapping[str, TensorType], node: Node) -> bool:
    """Tell whether a node may compute with integers."""
    data = node.inputs[:1] if node.operator in (*LAYERS, "Reshape", "Slice", "Split") else None
    data = node.inputs[:1] if node.operator in ("Squeeze", "Unsqueeze") else data
    for name in data or node.inputs:
        if not name or name in graph.tensors or types[name].dtype != "float32":
            return False
    if node.operator in LAYERS:
        constant = all(name in graph.tensors for name in node.inputs[1:])
        plain = node.operator == "Conv" or _is_plain_gemm(graph, node)
        return constant and plain and len(types[node.inputs[0]].shape) in (2, 4)
    if node.operator == "Add":
        return len({types[name].shape for name in node.inputs}) == 1
    if node.operator in ("AveragePool", "GlobalAveragePool", "MaxPool"):
        return len(types[node.inputs[0]].shape) == 4
    return node.operator in MOVED


def _is_plain_gemm(graph: Graph, node: Node) -> bool:
    a = node.attributes
    bias = graph.tensors.get(node.inputs[2]) if len(node.inputs) > 2 else None
    plain = a["alpha"] == a["beta"] == 1.0 and not a["transA"] and a["transB"]
    return bool(plain) and (bias is None or bias.ndim == 1)


def _is_folded(graph: Graph, node: Node) -> bool:
    """Tell whether an activation has 0 as its lower limit, and constant ones."""
    if node.operator == "Relu":
        return True
    limits = [graph.tensors.get(name) for name in node.inputs[1:]]
    if node.operator != "Clip" or not limits or limits[0] is None:
        return False
    return float(limits[0].reshape(())) == 0 and upper_limit(graph, node) > 0


def upper_limit(graph: Graph, node: Node) -> float:
    """Return an activation's upper limit, infinite if it has none, NaN if it is no constant."""
    if node.operator == "Relu" or len(node.inputs) < 3 or not node.inputs[2]:
        return math.inf
    limit = graph.tensors.get(node.inputs[2])
    return math.nan if limit is None else float(np.asarray(limit).reshape(()))


def _quantised_values(nodes: Mapping[str, Node], folded: Mapping[str, str]) -> set[str]:
    """Return values that integers take or give; what only moves them follows its neighbours."""
    values = set[str]()
    for name, node in nodes.items():
        if node.operator in COMPUTED:
            values.update(node.inputs[:1] if node.operator in LAYERS else node.inputs)
            if node.operator != "Gemm":
                values.add(folded.get(name, name))
    moves = [node for node in nodes.values() if node.operator in MOVED]
    while True:
        more = {name for node in moves if values & {*_ends(node)} for name in _ends(node)} - values
        if not more:
            return values
        values |= more


def _ends(node: Node) -> tuple[str, ...]:
    data = node.inputs if node.operator == "Concat" else node.inputs[:1]
    return (*data, *node.outputs)


def _classes(
    nodes: Mapping[str, Node], moved: Collection[str], values: Sequence[str]
) -> dict[str, str]:
    """Return for each value, in the order of execution, the first whose scale it shares."""
    place = {name: index for index, name in enumerate(values)}
    parent = {name: name for name in values}

    def find(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for name in moved:
        ends = {find(end) for end in _ends(nodes[name])}
        first = min(ends, key=place.__getitem__)
        for end in ends - {first}:
            parent[end] = first
    return {name: find(name) for name in parent}
