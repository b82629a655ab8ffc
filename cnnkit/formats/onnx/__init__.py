"""ONNX files, read without the onnx package and written with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.formats.onnx.fused import write_onnx_fused as write_onnx_fused
    from cnnkit.formats.onnx.protobuf import read_onnx as read_onnx
    from cnnkit.formats.onnx.quantize import write_onnx_int8 as write_onnx_int8
    from cnnkit.formats.onnx.weights import read_weights as read_weights
    from cnnkit.formats.onnx.writer import write_onnx as write_onnx

__all__ = ["read_onnx", "read_weights", "write_onnx", "write_onnx_fused", "write_onnx_int8"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "read_onnx": ".protobuf",
        "read_weights": ".weights",
        "write_onnx": ".writer",
        "write_onnx_fused": ".fused",
        "write_onnx_int8": ".quantize",
    },
)
