"""The modules and calls that `cnnkit.fuse` puts in a model, and the patterns that they replace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.nn.fused.conv import FusedConv2d as FusedConv2d
    from cnnkit.nn.fused.waiting import Waiting as Waiting

__all__ = ["FusedConv2d", "Waiting"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "FusedConv2d": ".conv",
        "Waiting": ".waiting",
    },
    needs=dict.fromkeys(__all__, "torch"),
)
