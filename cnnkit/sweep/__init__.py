"""Hyperparameter search, as a grid or at random: `cnnkit sweep --lr 1e-4,1e-3`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.sweep.results import SweepResult as SweepResult
    from cnnkit.sweep.run import SweepConfig as SweepConfig
    from cnnkit.sweep.run import sweep as sweep

__all__ = ["SweepConfig", "SweepResult", "sweep"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "SweepConfig": ".run",
        "SweepResult": ".results",
        "sweep": ".run",
    },
)
