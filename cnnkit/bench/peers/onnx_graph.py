"""A workload as an ONNX model of standard operators, for the runtimes that read ONNX."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.inference import RawWorkload
from cnnkit.graph.architecture import PIXEL_SCALE

OPSET, IR_VERSION = 17, 8


def onnx_model(work: Workload) -> bytes:
    """Return the serialised model: `x` [N, C, H, W] in, `y` float32 out, N fixed.

    For raw pixels it is the graph that `cnnkit export` writes: x is uint8, y the logits, and there
    are two more outputs, `probabilities` and `label`. Shapes are fixed because the benchmark's are:
    runtimes that specialise on them may.
    """
    nodes, weights, value = [], [], "x"
    raw = isinstance(work, RawWorkload)
    if raw:
        weights.append(numpy_helper.from_array(np.asarray(PIXEL_SCALE, np.float32), "scale"))
        nodes += [
            helper.make_node("Cast", ["x"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["pixels", "scale"], ["scaled"]),
        ]
        value = "scaled"
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
        scores = "y" if raw else "logits"
        nodes += [
            helper.make_node("Flatten", [value], ["features"]),
            helper.make_node("Gemm", ["features", "weight", "bias"], [scores], transB=1),
        ]
        if raw:
            nodes += [
                helper.make_node("Softmax", ["y"], ["probabilities"], axis=1),
                helper.make_node("ArgMax", ["y"], ["label"], axis=1, keepdims=0),
            ]
        else:
            nodes.append(helper.make_node("LogSoftmax", ["logits"], ["y"], axis=1))
    else:
        nodes[-1].output[0] = "y"
    element = helper.np_dtype_to_tensor_dtype(work.x.dtype)
    outputs: dict[str, tuple[int, tuple[int, ...]]] = {"y": (TensorProto.FLOAT, work.output_shape)}
    if raw:
        outputs["probabilities"] = outputs["y"]
        outputs["label"] = (TensorProto.INT64, work.output_shape[:1])
    graph = helper.make_graph(
        nodes,
        "workload",
        [helper.make_tensor_value_info("x", element, work.x.shape)],
        [helper.make_tensor_value_info(name, *value) for name, value in outputs.items()],
        weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
