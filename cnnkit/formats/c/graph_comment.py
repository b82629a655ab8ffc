"""The graph of a C file as a comment in it: `graph_comment(graph)`, and back.

The parameters of its layers are the file's arrays, packed; the other tensors stand in the comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnnkit.graph import identity
from cnnkit.graph.graph import Graph
from cnnkit.graph.program import lower
from cnnkit.graph.quantised.lowering import lower_integers
from cnnkit.graph.types import Array

COMMENT = re.compile(r"^/\* graph: (\{.*?^\}) \*/$", re.MULTILINE | re.DOTALL)
LAYERS = ("Conv", "Gemm")  # whose parameters are packed
INTEGER_LAYERS = ("QLinearConv", "QGemm")  # whose weights are


def graph_comment(graph: Graph) -> str:
    """Return a prepared graph as a comment; a line for each node."""
    value = identity.to_json(graph)
    layers = packed(graph)
    value["values"] = {
        name: array.ravel().tolist() for name, array in graph.tensors.items() if name not in layers
    }
    lines = []
    for key, part in sorted(value.items()):
        items = [_text(item) for item in part] if isinstance(part, list) else []
        if isinstance(part, dict):
            items = [f"{_text(name)}:{_text(part[name])}" for name in sorted(part)]
        left, right = "[]" if isinstance(part, list) else "{}"
        lines.append(f"{_text(key)}:{left}\n" + ",\n".join(items) + right)
    # no "*/" may end the comment early, and no "/*" begin another
    text = ",\n".join(lines).replace("*", "\\u002a")
    return f"\n/* graph: {{{text}\n}} */\n"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def packed(graph: Graph) -> set[str]:
    """Return the names of the tensors that nothing but layers take, as their parameters."""
    if any(node.operator in INTEGER_LAYERS for node in graph.nodes):
        return {node.inputs[3] for node in graph.nodes if node.operator in INTEGER_LAYERS}
    names = {name for node in graph.nodes if node.operator in LAYERS for name in node.inputs[1:]}
    others = {name for node in graph.nodes if node.operator not in LAYERS for name in node.inputs}
    firsts = {node.inputs[0] for node in graph.nodes}
    return (names & graph.tensors.keys()) - others - firsts


def read_graph(text: str, arrays: Mapping[str, Array], source: object) -> Graph | None:
    """Return the graph in a C file, None if there is none.

    Args:
        text: the file.
        arrays: those in it, by name.
        source: the file that errors shall name.

    Raises:
        InputError: what it describes is no graph, or none that C can hold.
        ValueError: it is damaged.
        KeyError: an array is missing.
    """
    found = COMMENT.search(text)
    if found is None:
        return None
    value = json.loads(found[1])
    tensors: dict[str, Array] = {}
    for name, (dtype, shape) in value["tensors"].items():
        stated = value["values"].get(name)
        array = np.zeros(shape, dtype) if stated is None else np.array(stated, dtype)
        tensors[name] = array.reshape(shape)
    return unpacked(identity.from_json(value, tensors, source), arrays, source)


def unpacked(graph: Graph, arrays: Mapping[str, Array], source: object) -> Graph:
    """Return a graph with the parameters that a file's arrays hold.

    Where each of them went is seen by packing their numbers instead of them.
    """
    stored: dict[str, Array] = {}
    names, first = sorted(packed(graph)), 1
    for name in names:
        array = graph.tensors[name]
        stored[name] = np.arange(first, first + array.size).reshape(array.shape)
        first += array.size
    values = np.zeros(first, np.float32)
    integers = any(node.operator in INTEGER_LAYERS for node in graph.nodes)
    lowered = lower_integers(graph, source, stored) if integers else lower(graph, source, stored)
    for name, places in lowered.constants.items():
        if places.dtype == np.int64:
            if arrays[name].size != places.size:
                raise ValueError(f"{name} has {arrays[name].size} values")
            values[places.ravel()] = arrays[name]
    with np.errstate(invalid="ignore"):  # of a damaged type
        tensors = {name: values[stored[name]].astype(graph.tensors[name].dtype) for name in names}
    return Graph(graph.inputs, graph.nodes, graph.outputs, {**graph.tensors, **tensors})
