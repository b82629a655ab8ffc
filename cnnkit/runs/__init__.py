"""Run folders: the training state, the files published from it, and finding a run's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.runs.find import find_weights as find_weights
    from cnnkit.runs.origin import find_run as find_run

__all__ = ["find_run", "find_weights"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "find_run": ".origin",
        "find_weights": ".find",
    },
)
