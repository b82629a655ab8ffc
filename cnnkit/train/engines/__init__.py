"""What makes the steps of a training: the native engine, PyTorch, or several PyTorch processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.train.engines.base import ENGINES as ENGINES
    from cnnkit.train.engines.base import Engine as Engine
    from cnnkit.train.engines.select import open_engine as open_engine

__all__ = ["ENGINES", "Engine", "open_engine"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "ENGINES": ".base",
        "Engine": ".base",
        "open_engine": ".select",
    },
)
