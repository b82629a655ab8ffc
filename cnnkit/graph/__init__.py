"""The network as data: operators, shapes, passes and a float64 reference, in NumPy alone.

`evaluate(graph, {"input": images})["logits"]`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnkit.graph.graph import Graph as Graph
    from cnnkit.graph.graph import Node as Node
    from cnnkit.graph.operators import OPERATORS as OPERATORS
    from cnnkit.graph.operators.base import Operator as Operator
    from cnnkit.graph.reference import evaluate as evaluate
    from cnnkit.graph.shapes import infer_types as infer_types
    from cnnkit.graph.types import TensorType as TensorType

HOMES = {
    "Graph": "cnnkit.graph.graph",
    "Node": "cnnkit.graph.graph",
    "OPERATORS": "cnnkit.graph.operators",
    "Operator": "cnnkit.graph.operators.base",
    "TensorType": "cnnkit.graph.types",
    "evaluate": "cnnkit.graph.reference",
    "infer_types": "cnnkit.graph.shapes",
}
__all__ = [*HOMES]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *HOMES]
