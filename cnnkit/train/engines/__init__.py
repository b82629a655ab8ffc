"""What computes the steps of a training: the native engine, PyTorch, or PyTorch in processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.train.engines.base import Engine as Engine
    from cnnkit.train.engines.base import EngineSettings as EngineSettings
    from cnnkit.train.engines.select import open_engine as open_engine

__all__ = ["Engine", "EngineSettings", "open_engine"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Engine": ".base",
        "EngineSettings": ".base",
        "open_engine": ".select",
    },
)
