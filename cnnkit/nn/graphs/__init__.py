"""Graphs as PyTorch modules, to be run, trained or exported: `GraphModule(graph)(images)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.nn.graphs.classifier import GraphClassifier as GraphClassifier
    from cnnkit.nn.graphs.module import GraphModule as GraphModule

__all__ = ["GraphClassifier", "GraphModule"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "GraphClassifier": ".classifier",
        "GraphModule": ".module",
    },
    needs=dict.fromkeys(__all__, "torch"),
)
