"""Where a graph's logits are: `find_logits(graph)`."""

from __future__ import annotations

from dataclasses import replace

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import unused_name
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import FREE

SHARES = ("Softmax", "LogSoftmax")  # of the logits, which the contract computes itself
IDLE = ("Identity", "Dropout")
# Whose results are no scores that a softmax turns into probabilities.
NO_LOGITS = ("Sigmoid",)
REMEDY = (
    "export the model with its logits [N, K] as its only output, or run it in ONNX Runtime "
    "(onnxruntime.InferenceSession)"
)


def find_logits(graph: Graph, source: object = "the network") -> tuple[Graph, str]:
    """Return a graph and the name of its logits [N, K], from which all of its outputs come.

    Logits [N, K, 1, 1] are flattened by a new node.

    Raises:
        InputError: its outputs are others than a classifier's; they are named.
    """
    made = {name: node for node in graph.nodes for name in node.outputs}
    types = infer_types(graph)
    ranks = {name: len(type.shape) for name, type in types.items()}
    found = {_before_heads(made, ranks, name) for name in graph.outputs}
    stated = ", ".join(f"{name} {types[name]}" for name in graph.outputs)
    if len(found) > 1:
        count = len(graph.outputs)
        reason = f"has {count} outputs ({stated}), which are not those of one classifier"
        raise InputError(source, reason, REMEDY)
    (logits,) = found
    shape = types[logits].shape
    if len(shape) < 2 or set(shape[2:]) - {1} or shape[0] != FREE or not types[logits].is_float:
        raise InputError(source, f"has the output {stated}, not one score per class [N, K]", REMEDY)
    maker = made.get(logits)
    if maker is not None and maker.operator in NO_LOGITS:
        reason = f"ends in {maker.title}: several classes at once, not one of them"
        raise InputError(source, reason, REMEDY)
    return _flat(graph, logits) if len(shape) > 2 else (graph, logits)


def _before_heads(made: dict[str, Node], ranks: dict[str, int], name: str) -> str:
    """Return the value that a head is computed from; a label also from the head before it."""
    value = _before_idle(made, name)
    label = made.get(value)
    if label is not None and label.operator == "ArgMax":
        if not _is_head(label, ranks) or label.attributes["select_last_index"]:
            return value
        value = _before_idle(made, label.inputs[0])
    node = made.get(value)
    if node is not None and node.operator in SHARES and _is_head(node, ranks):
        return _before_idle(made, node.inputs[0])
    return value


def _is_head(node: Node, ranks: dict[str, int]) -> bool:
    axis: int = node.attributes["axis"]
    return axis in (1, 1 - ranks[node.inputs[0]])


def _before_idle(made: dict[str, Node], name: str) -> str:
    while (node := made.get(name)) is not None and node.operator in IDLE:
        name = node.inputs[0]
    return name


def _flat(graph: Graph, logits: str) -> tuple[Graph, str]:
    taken = {*graph.tensors, *graph.inputs, *(o for node in graph.nodes for o in node.outputs)}
    name = unused_name(f"{logits}.flat", taken)
    node = Node("Flatten", (logits,), (name,), {"axis": 1}, name)
    return replace(graph, nodes=(*graph.nodes, node)), name
