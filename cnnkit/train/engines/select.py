"""Look up an engine by its name: `open_engine("native")(settings)`."""

from __future__ import annotations

from collections.abc import Callable

from cnnkit.train.engines.base import Engine, EngineSettings, require_packages
from cnnkit.train.engines.native import NativeEngine


def open_engine(name: str) -> Callable[[EngineSettings], Engine]:
    """Return the class of the engine `native` or `torch`, importing PyTorch only if it is needed.

    Raises:
        MissingError: PyTorch, or Matplotlib for the plots, is not installed.
    """
    require_packages(name)
    if name == "native":
        return NativeEngine
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        from cnnkit.train.engines.ddp import DistributedEngine

        return DistributedEngine
    from cnnkit.train.engines.pytorch import TorchEngine

    return TorchEngine
