"""`cnnkit.fuse` and the torch.compile backend: find the blocks of a model, fuse them, report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.nn.fusion.comparison import difference as difference
    from cnnkit.nn.fusion.compiler import compile_graph as compile_graph
    from cnnkit.nn.fusion.compiler import compile_reports as compile_reports
    from cnnkit.nn.fusion.model import fuse as fuse

__all__ = ["compile_graph", "compile_reports", "difference", "fuse"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "compile_graph": ".compiler",
        "compile_reports": ".compiler",
        "difference": ".comparison",
        "fuse": ".model",
    },
    needs=dict.fromkeys(__all__, "torch"),
)
