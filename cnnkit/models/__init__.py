"""Anybody's model as a network: `read_model("torchvision:resnet18").weights`.

A run, a weights file, an ONNX file, a torch.export program, or a PyTorch module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.models.network import Network as Network
    from cnnkit.models.read import read_model as read_model
    from cnnkit.models.said import Said as Said

__all__ = ["Network", "Said", "read_model"]

__getattr__, __dir__ = attach(
    __name__, {"Network": ".network", "Said": ".said", "read_model": ".read"}
)
