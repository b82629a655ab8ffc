"""A workload as an ONNX model of standard operators, for the runtimes that read ONNX."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper, numpy_helper

from cnnkit.bench.workload import Workload

OPSET, IR_VERSION = 17, 8


def onnx_model(work: Workload) -> bytes:
    """Return the serialised model: `x` float32 [N, C, H, W] in, `y` float32 out, N fixed.

    Shapes are fixed because the benchmark's are: runtimes that specialise on them may.
    """
    nodes, weights, value = [], [], "x"
    for i, layer in enumerate(work.layers):
        arrays = {f"weight{i}": layer.weight}
        if layer.bias is not None:
            arrays[f"bias{i}"] = layer.bias
        weights += [numpy_helper.from_array(array, name) for name, array in arrays.items()]
        nodes += [
            helper.make_node(
                "Conv",
                [value, *arrays],
                [f"conv{i}"],
                kernel_shape=layer.weight.shape[2:],
                strides=layer.stride,
                pads=layer.padding * 2,
            ),
            helper.make_node("Relu", [f"conv{i}"], [f"relu{i}"]),
            helper.make_node(
                "MaxPool",
                [f"relu{i}"],
                [f"pool{i}"],
                kernel_shape=layer.pool_kernel,
                strides=layer.pool_stride,
                pads=layer.pool_padding * 2,
            ),
        ]
        value = f"pool{i}"
    if work.head:
        weights += [
            numpy_helper.from_array(work.head.weight, "weight"),
            numpy_helper.from_array(work.head.bias, "bias"),
        ]
        nodes += [
            helper.make_node("Flatten", [value], ["features"]),
            helper.make_node("Gemm", ["features", "weight", "bias"], ["logits"], transB=1),
            helper.make_node("LogSoftmax", ["logits"], ["y"], axis=1),
        ]
    else:
        nodes[-1].output[0] = "y"
    graph = helper.make_graph(
        nodes,
        "workload",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, work.x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, work.output_shape)],
        weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
