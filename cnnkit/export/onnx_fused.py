"""ONNX with cnnkit's fused operation: `write_onnx_fused(weights, options)[".fused.onnx"]`.

For those who stay with ONNX Runtime's sessions and may load a library into them: each block is one
node, cnnkit.ConvReluPool, which `cnnkit.ort_custom_ops()` brings. The rest is the ONNX format's.
"""

from __future__ import annotations

from cnnkit.checkpoint import Weights
from cnnkit.export.onnx import write_onnx
from cnnkit.export.options import Options
from cnnkit.ort import DOMAIN, OPERATOR, ort_custom_ops

VERSION = 1  # of the operator


def write_onnx_fused(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return an ONNX model whose blocks are cnnkit's own operator.

    Raises:
        InputError: as `write_onnx`.
        MissingError: the onnx package is not installed, or the operator's library was not built.
    """
    ort_custom_ops()  # without it, nothing here could prove the file
    model_bytes = write_onnx(weights, options)[".onnx"]
    import onnx
    from onnx import helper

    model = onnx.load_from_string(model_bytes)
    kept = [node for node in model.graph.node if node.op_type not in ("Relu", "MaxPool")]
    for i, block in enumerate(weights.architecture.blocks):
        at = next(k for k, node in enumerate(kept) if node.output[0] == f"conv{i}")
        kept[at] = helper.make_node(
            OPERATOR,
            list(kept[at].input),
            [f"pool{i}"],
            name=f"pool{i}",
            domain=DOMAIN,
            strides=[1, 1],
            pads=[block.padding] * 2,
            pool_kernel=[block.pool] * 2,
            pool_strides=[block.pool] * 2,
            pool_pads=[0, 0],
        )
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.opset_import.append(helper.make_opsetid(DOMAIN, VERSION))
    onnx.checker.check_model(model)
    return {".fused.onnx": bytes(model.SerializeToString(deterministic=True))}
