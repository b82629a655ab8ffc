"""The network as data: operators, shapes, passes and a float64 reference, in NumPy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.graph.architecture import Architecture as Architecture
    from cnnkit.graph.architecture import Block as Block
    from cnnkit.graph.graph import Graph as Graph
    from cnnkit.graph.graph import Node as Node
    from cnnkit.graph.operators.table import OPERATORS as OPERATORS
    from cnnkit.graph.reference import evaluate as evaluate
    from cnnkit.graph.shapes import infer_types as infer_types
    from cnnkit.graph.types import TensorType as TensorType
    from cnnkit.graph.weights import Weights as Weights

__all__ = [
    "OPERATORS",
    "Architecture",
    "Block",
    "Graph",
    "Node",
    "TensorType",
    "Weights",
    "evaluate",
    "infer_types",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Architecture": ".architecture",
        "Block": ".architecture",
        "Graph": ".graph",
        "Node": ".graph",
        "OPERATORS": ".operators.table",
        "TensorType": ".types",
        "Weights": ".weights",
        "evaluate": ".reference",
        "infer_types": ".shapes",
    },
)
