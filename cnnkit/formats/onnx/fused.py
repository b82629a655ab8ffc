"""ONNX with cnnkit's fused operation: `write_onnx_fused(weights, options)[".fused.onnx"]`.

For those who stay with ONNX Runtime's sessions and may load a library into them: each block is one
node, cnnkit.ConvReluPool, which `cnnkit.ort_custom_ops()` brings. The rest is the ONNX format's.
"""

from __future__ import annotations

from typing import Any

from cnnkit.formats.onnx.writer import write_onnx
from cnnkit.formats.options import Options
from cnnkit.graph.weights import Weights
from cnnkit.ops.ort_op import DOMAIN, OPERATOR, ort_custom_ops

VERSION = 1  # of the operator


def write_onnx_fused(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return an ONNX model whose blocks are cnnkit's own operator.

    Raises:
        InputError: as `write_onnx`.
        MissingError: the onnx package is not installed, or the operator's library was not built.
    """
    ort_custom_ops()  # without it, nothing here could prove the file
    return {".fused.onnx": fuse_blocks(write_onnx(weights, options)[".onnx"])}


def fuse_blocks(content: bytes) -> bytes:
    """Return an ONNX model with one node for each Conv, Relu and MaxPool behind one another.

    They must have a bias, pads that are the same on both sides, and no other readers: what
    `write_onnx` makes.
    """
    import onnx
    from onnx import helper

    model = onnx.load_from_string(content)
    nodes = list(model.graph.node)
    fused = []
    while nodes:
        node = nodes.pop(0)
        if node.op_type == "Conv":
            pool = nodes[1]  # behind the Relu
            del nodes[:2]
            conv, window = _attributes(node), _attributes(pool)
            node = helper.make_node(
                OPERATOR,
                list(node.input),
                list(pool.output),
                name=pool.output[0],
                domain=DOMAIN,
                strides=conv.get("strides", [1, 1]),
                pads=conv["pads"][:2],
                pool_kernel=window["kernel_shape"],
                pool_strides=window["strides"],
                pool_pads=window.get("pads", [0, 0])[:2],
            )
        fused.append(node)
    del model.graph.node[:]
    model.graph.node.extend(fused)
    model.opset_import.append(helper.make_opsetid(DOMAIN, VERSION))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {item.name: helper.get_attribute_value(item) for item in node.attribute}
