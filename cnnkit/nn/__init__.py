"""PyTorch modules: the fused block and the network; `fuse` for other models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.nn.conv_relu_pool import ConvReLUPool2d as ConvReLUPool2d
    from cnnkit.nn.fusion import fuse as fuse
    from cnnkit.nn.network import Network as Network

__all__ = ["ConvReLUPool2d", "Network", "fuse"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "ConvReLUPool2d": ".conv_relu_pool",
        "Network": ".network",
        "fuse": ".fusion",
    },
    needs=dict.fromkeys(__all__, "torch"),
)
