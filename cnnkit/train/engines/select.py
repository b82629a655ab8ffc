"""Which engine trains: `open_engine("native")` returns what makes one."""

from __future__ import annotations

from typing import Protocol

from cnnkit.data.dataset import Split
from cnnkit.graph.architecture import Architecture
from cnnkit.runs.training_state import State
from cnnkit.train.engines.base import Engine, require_packages


class EngineMaker(Protocol):
    """What makes an engine: architecture, training images, learning rate, device, state."""

    def __call__(
        self,
        architecture: Architecture,
        split: Split,
        learning_rate: float,
        device: str,
        state: State,
        *,
        weight_decay: float = 0.0,
    ) -> Engine:
        """Return the engine, or raise what `NativeEngine` and `TorchEngine` do."""


def open_engine(name: str) -> EngineMaker:
    """Return what makes the engine `native` or `torch`, imported only now.

    Raises:
        MissingError: PyTorch, or Matplotlib for the pictures, is not installed.
    """
    require_packages(name)
    if name == "native":
        from cnnkit.train.engines.native import NativeEngine

        return NativeEngine
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        from cnnkit.train.engines.ddp import DistributedEngine

        return DistributedEngine
    from cnnkit.train.engines.pytorch import TorchEngine

    return TorchEngine
