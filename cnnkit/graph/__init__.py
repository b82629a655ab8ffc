"""The network as data: shapes, parameters and operators, in NumPy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.graph.architecture import Architecture as Architecture
    from cnnkit.graph.architecture import Block as Block
    from cnnkit.graph.weights import Weights as Weights

__all__ = ["Architecture", "Block", "Weights"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Architecture": ".architecture",
        "Block": ".architecture",
        "Weights": ".weights",
    },
)
