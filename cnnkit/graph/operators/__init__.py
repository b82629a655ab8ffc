"""The operators of graphs, by ONNX's names and as of its newest opset: `OPERATORS["Conv"]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.graph.operators.base import Operator as Operator
    from cnnkit.graph.operators.table import OPERATORS as OPERATORS

__all__ = ["OPERATORS", "Operator"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "OPERATORS": ".table",
        "Operator": ".base",
    },
)
