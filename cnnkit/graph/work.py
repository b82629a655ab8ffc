"""How much a graph computes: `multiply_adds(graph)`, for one image."""

from __future__ import annotations

import math

from cnnkit.graph.graph import Graph
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import count

PRODUCTS = {"Conv": 1, "FusedConv": 1, "Gemm": 1, "MatMul": 1}  # and where their weights are


def multiply_adds(graph: Graph) -> int:
    """Return the multiplications of convolutions and matrix products for one image."""
    types, total = infer_types(graph), 0
    for node in graph.nodes:
        if node.operator in PRODUCTS:
            weight, out = types[node.inputs[1]].shape, types[node.outputs[0]].shape
            if node.operator in ("Conv", "FusedConv"):
                total += count(out) * math.prod(int(size) for size in weight[1:])
            else:
                shared = types[node.inputs[0]].shape[-1]
                total += count(out) * (int(shared) if isinstance(shared, int) else 1)
    return total
