"""A workload as an ONNX model of standard operators, for the runtimes that read ONNX.

`formats.onnx.writer` cannot be used here: it writes whole networks alone, and computes metadata,
while a peer's preparation is timed. A test compares its graph with this one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from cnnkit.bench.workloads.base import ConvBlock, Float32, Workload
from cnnkit.bench.workloads.inference import InferenceWorkload
from cnnkit.graph.architecture import PIXEL_SCALE

OPSET, IR_VERSION = 17, 8
Node = tuple[str, list[str], list[str], dict[str, Any]]  # operator, inputs, outputs, attributes


def onnx_model(work: Workload) -> bytes:
    """Return the serialised model: `x` [N, C, H, W] in, `y` float32 out, N fixed.

    On raw pixels it is the graph that `cnnkit export` writes: x is uint8, y the logits, and there
    are two more outputs, `probabilities` and `label`. Shapes are fixed because the benchmark's are:
    runtimes may specialise on them.
    """
    raw = isinstance(work, InferenceWorkload)
    tensors: dict[str, Float32] = {}
    nodes: list[Node] = []
    value = "x"
    if raw:
        tensors["scale"] = np.asarray(PIXEL_SCALE, np.float32)
        nodes += [
            ("Cast", ["x"], ["pixels"], {"to": TensorProto.FLOAT}),
            ("Mul", ["pixels", "scale"], ["scaled"], {}),
        ]
        value = "scaled"
    for i, block in enumerate(work.blocks):
        tensors[f"weight{i}"] = block.weight
        if block.bias is not None:
            tensors[f"bias{i}"] = block.bias
        nodes += _block_nodes(block, i, value)
        value = f"pool{i}"
    if work.head:
        tensors |= {"weight": work.head.weight, "bias": work.head.bias}
        nodes += _head_nodes(value, raw)
    else:
        nodes[-1][2][0] = "y"
    outputs: dict[str, tuple[int, tuple[int, ...]]] = {"y": (TensorProto.FLOAT, work.output_shape)}
    if raw:
        outputs["probabilities"] = outputs["y"]
        outputs["label"] = (TensorProto.INT64, work.output_shape[:1])
    return _serialised(work.x, nodes, tensors, outputs)


def _block_nodes(block: ConvBlock, i: int, value: str) -> list[Node]:
    parameters = [f"weight{i}", *([] if block.bias is None else [f"bias{i}"])]
    conv = {
        "kernel_shape": block.weight.shape[2:],
        "strides": block.stride,
        "pads": block.padding * 2,
    }
    pool = {
        "kernel_shape": block.pool_kernel,
        "strides": block.pool_stride,
        "pads": block.pool_padding * 2,
    }
    return [
        ("Conv", [value, *parameters], [f"conv{i}"], conv),
        ("Relu", [f"conv{i}"], [f"relu{i}"], {}),
        ("MaxPool", [f"relu{i}"], [f"pool{i}"], pool),
    ]


def _head_nodes(value: str, raw: bool) -> list[Node]:
    logits = "y" if raw else "logits"
    linear: list[Node] = [
        ("Flatten", [value], ["features"], {}),
        ("Gemm", ["features", "weight", "bias"], [logits], {"transB": 1}),
    ]
    if not raw:
        return [*linear, ("LogSoftmax", ["logits"], ["y"], {"axis": 1})]
    return [
        *linear,
        ("Softmax", ["y"], ["probabilities"], {"axis": 1}),
        ("ArgMax", ["y"], ["label"], {"axis": 1, "keepdims": 0}),
    ]


def _serialised(
    x: NDArray[Any],
    nodes: list[Node],
    tensors: dict[str, Float32],
    outputs: dict[str, tuple[int, tuple[int, ...]]],
) -> bytes:
    graph = helper.make_graph(
        [
            helper.make_node(operator, inputs, results, **attributes)
            for operator, inputs, results, attributes in nodes
        ],
        "workload",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)],
        [helper.make_tensor_value_info(name, *value) for name, value in outputs.items()],
        [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
