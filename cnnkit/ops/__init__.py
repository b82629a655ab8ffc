"""Convolutions fused with activation and max-pool, for NumPy arrays and PyTorch tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.ops.conv2d import Conv2d as Conv2d
    from cnnkit.ops.functional import conv_relu_pool as conv_relu_pool
    from cnnkit.ops.fused import ConvReLUPool as ConvReLUPool
    from cnnkit.ops.fused import available_isas as available_isas
    from cnnkit.ops.fused import isa as isa
    from cnnkit.ops.ort_op import ort_custom_ops as ort_custom_ops
    from cnnkit.ops.reference import conv2d_ref as conv2d_ref
    from cnnkit.ops.reference import conv_relu_pool_ref as conv_relu_pool_ref

__all__ = [
    "Conv2d",
    "ConvReLUPool",
    "available_isas",
    "conv2d_ref",
    "conv_relu_pool",
    "conv_relu_pool_ref",
    "isa",
    "ort_custom_ops",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Conv2d": ".conv2d",
        "ConvReLUPool": ".fused",
        "available_isas": ".fused",
        "conv2d_ref": ".reference",
        "conv_relu_pool": ".functional",
        "conv_relu_pool_ref": ".reference",
        "isa": ".fused",
        "ort_custom_ops": ".ort_op",
    },
)
