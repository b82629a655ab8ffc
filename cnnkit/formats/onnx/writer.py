"""ONNX, written directly with onnx.helper: `write_onnx(weights, options)[".onnx"]`.

PyTorch's own exporters choose opset and IR version by their release, put weights in a second file
and source lines in the nodes. This graph is the same whatever PyTorch is installed; the tests hold
it against PyTorch's exporter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnkit.errors import InputError, MissingError
from cnnkit.formats import contract
from cnnkit.formats.description import describe
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.weights import Weights

OPSET = 17  # read by ONNX Runtime from 1.12 on
LOWEST_OPSET = 9  # IR 4; before it, every weight is an input too, which ONNX Runtime warns of


def write_onnx(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return an ONNX model: uint8 [N, C, H, W] in; logits, probabilities [N, K] and label [N] out.

    The IR version is the lowest that the opset allows: readers refuse those that they don't know.

    Raises:
        InputError: the opset is unknown, or too old for these operators.
        MissingError: the onnx package is not installed.
    """
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ImportError as error:
        raise MissingError.package("onnx", "writing ONNX") from error

    opset = OPSET if options.opset is None else options.opset
    if not LOWEST_OPSET <= opset <= onnx.defs.onnx_opset_version():
        raise InputError(
            f"--opset {opset}",
            "is too old for this network's operators, or newer than the onnx package here",
            f"choose one from {LOWEST_OPSET} to {onnx.defs.onnx_opset_version()}",
        )
    scale = {"pixel_scale": np.float32(PIXEL_SCALE)} if options.input == "uint8" else {}
    tensors = {**scale, **weights.tensors}
    graph = helper.make_graph(
        [
            helper.make_node(operator, inputs, outputs, name=outputs[0], **attributes)
            for operator, inputs, outputs, attributes in _nodes(weights.architecture, options.input)
        ],
        "cnnkit",
        inputs=[_value(contract.INPUT, weights.architecture, options.input)],
        outputs=[_value(name, weights.architecture, options.input) for name in contract.OUTPUTS],
        initializer=[
            numpy_helper.from_array(np.asarray(tensor, "<f4", order="C"), name)
            for name, tensor in tensors.items()
        ],
    )
    metadata = describe(weights, options)
    opset_imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        graph,
        producer_name="cnnkit",
        producer_version=metadata["version"],
        ir_version=helper.find_min_ir_version_for(opset_imports),
        opset_imports=opset_imports,
    )
    helper.set_model_props(model, contract.encode(metadata))
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return {".onnx": bytes(model.SerializeToString(deterministic=True))}


def _nodes(
    architecture: Architecture, input: str
) -> list[tuple[str, list[str], list[str], dict[str, Any]]]:
    """Return (operator, inputs, outputs, attributes) in the order of execution."""
    nodes: list[tuple[str, list[str], list[str], dict[str, Any]]] = []
    value = contract.INPUT
    if input == "uint8":
        nodes += [
            ("Cast", [contract.INPUT], ["raw"], {"to": 1}),  # TensorProto.FLOAT
            ("Mul", ["raw", "pixel_scale"], ["scaled"], {}),
        ]
        value = "scaled"
    for i, block in enumerate(architecture.blocks):
        kernel, pads, pool = [block.kernel] * 2, [block.padding] * 4, [block.pool] * 2
        parameters = [f"convs.{i}.weight", f"convs.{i}.bias"]
        nodes += [
            ("Conv", [value, *parameters], [f"conv{i}"], {"kernel_shape": kernel, "pads": pads}),
            ("Relu", [f"conv{i}"], [f"relu{i}"], {}),
            ("MaxPool", [f"relu{i}"], [f"pool{i}"], {"kernel_shape": pool, "strides": pool}),
        ]
        value = f"pool{i}"
    return [
        *nodes,
        ("Flatten", [value], ["features"], {"axis": 1}),
        ("Gemm", ["features", "linear.weight", "linear.bias"], ["logits"], {"transB": 1}),
        ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
        ("ArgMax", ["logits"], ["label"], {"axis": 1, "keepdims": 0}),
    ]


def _value(name: str, architecture: Architecture, input: str) -> Any:
    """Return the ValueInfo of an input or output as the contract's signature has it."""
    from onnx import helper

    dtype, _, shape = contract.signature(architecture, input)[name].rstrip("]").partition("[")
    sizes = [int(size) if size.isdigit() else size for size in shape.split(",")]
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), sizes
    )
