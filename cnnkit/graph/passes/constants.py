"""Constants computed once: nodes whose inputs are all known become tensors."""

from __future__ import annotations

from functools import partial

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.table import OPERATORS
from cnnkit.graph.passes.rewriting import with_nodes
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import Array, count, narrow, widen

LARGEST_FOLDED = 2**24  # elements; what is larger stays a node


def fold_constants(graph: Graph) -> Graph:
    """Compute what depends on constants alone, in float64, and round it to its type at the end.

    What is an output of the graph stays a node's, and integers stay behind DequantizeLinear, by
    which operators of integers are known.
    """
    types = infer_types(graph)
    known: dict[str, Array] = {}
    nodes = []
    for node in graph.nodes:
        names = [name for name in node.inputs if name]
        largest = max(count(types[name].shape) for name in (*names, *node.outputs))
        if (
            largest > LARGEST_FOLDED
            or node.operator == "DequantizeLinear"
            or not all(name in known or name in graph.tensors for name in names)
            or set(node.outputs) & set(graph.outputs)
        ):
            nodes.append(node)
            continue
        known |= {n: widen(graph.tensors[n]) for n in names if n in graph.tensors}
        known |= zip(node.outputs, _evaluate(node, known), strict=False)
    made = {n: narrow(a, types[n].dtype) for n, a in known.items() if n not in graph.tensors}
    return with_nodes(graph, nodes, made)


def _evaluate(node: Node, known: dict[str, Array]) -> list[Array]:
    arrays = [known[name] if name else None for name in node.inputs]
    einsum = partial(np.einsum, optimize=False)
    with np.errstate(all="ignore"):  # infinities and NaN are results like any other
        return OPERATORS[node.operator].evaluate(node.attributes, arrays, einsum)
