"""PyTorch modules read as graphs, by torch.export: `graph_of(module, (3, 32, 32))`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.nn.exported.program import graph_of as graph_of

__all__ = ["graph_of"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "graph_of": ".program",
    },
    needs=dict.fromkeys(__all__, "torch"),
)
