"""ONNX with cnnkit's fused operation: `write_onnx_fused(weights, options)[".fused.onnx"]`.

For those who stay with ONNX Runtime's sessions and may load a library into them: each block is one
node, cnnkit.ConvReluPool, which `cnnkit.ort_custom_ops()` brings. The rest is the ONNX format's.
"""

from __future__ import annotations

from cnnkit.formats.description import describe
from cnnkit.formats.onnx.writer import serialise
from cnnkit.formats.options import Options
from cnnkit.graph.convnet import with_contract
from cnnkit.graph.passes.fusion import fuse_convolutions
from cnnkit.graph.weights import Weights
from cnnkit.ops.ort_op import ort_custom_ops


def write_onnx_fused(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return an ONNX model whose blocks are cnnkit's own operator.

    Raises:
        InputError: as `write_onnx`.
        MissingError: the onnx package is not installed, or the operator's library was not built.
    """
    metadata = describe(weights, options)
    ort_custom_ops()  # without it, nothing here could prove the file
    graph = fuse_convolutions(with_contract(weights.graph, options.input))
    return {".fused.onnx": serialise(graph, metadata, options)}
