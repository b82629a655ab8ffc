"""TorchScript and torch.export archives, checked before PyTorch sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.formats.pytorch.pt2 import read_pt2 as read_pt2
    from cnnkit.formats.pytorch.pt2 import write_pt2 as write_pt2
    from cnnkit.formats.pytorch.torchscript import read_torchscript as read_torchscript
    from cnnkit.formats.pytorch.torchscript import write_torchscript as write_torchscript

__all__ = ["read_pt2", "read_torchscript", "write_pt2", "write_torchscript"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "read_pt2": ".pt2",
        "read_torchscript": ".torchscript",
        "write_pt2": ".pt2",
        "write_torchscript": ".torchscript",
    },
)
