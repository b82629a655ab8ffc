"""PyTorch modules: the fused block and the network; `fuse` and a torch.compile backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.nn.conv_relu_pool import ConvReLUPool2d as ConvReLUPool2d
    from cnnkit.nn.fusion.compiler import compile_graph as compile_graph
    from cnnkit.nn.fusion.compiler import compile_reports as compile_reports
    from cnnkit.nn.fusion.model import fuse as fuse
    from cnnkit.nn.network import Network as Network

__all__ = ["ConvReLUPool2d", "Network", "compile_graph", "compile_reports", "fuse"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "ConvReLUPool2d": ".conv_relu_pool",
        "Network": ".network",
        "compile_graph": ".fusion.compiler",
        "compile_reports": ".fusion.compiler",
        "fuse": ".fusion.model",
    },
    needs=dict.fromkeys(__all__, "torch"),
)
