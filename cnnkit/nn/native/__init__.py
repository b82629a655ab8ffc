"""Whole parts of models in one program of the native engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.nn.native.captured import Captured as Captured
    from cnnkit.nn.native.part import Part as Part
    from cnnkit.nn.native.proof import prove as prove

__all__ = ["Captured", "Part", "prove"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Captured": ".captured",
        "Part": ".part",
        "prove": ".proof",
    },
    needs=dict.fromkeys(__all__, "torch"),
)
