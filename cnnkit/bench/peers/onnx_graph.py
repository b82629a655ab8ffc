"""A workload as an ONNX model of standard operators, for the runtimes that read ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.graph import GraphWorkload
from cnnkit.bench.workloads.inference import InferenceWorkload
from cnnkit.formats.onnx.model import to_model
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.fusion import fuse_convolutions
from cnnkit.graph.types import Array, TensorType

OPSET = 17
ANSWERS = ("y", LOGITS)  # what the output that is compared may be called


def onnx_model(work: Workload, fused: bool = False) -> bytes:
    """Return the serialised model: `x` [N, C, H, W] in, `y` float32 out, N fixed.

    For raw pixels it is the graph that `cnnkit export` writes: x is uint8, y the logits, and there
    are two more outputs, `probabilities` and `label`. Shapes are fixed because the benchmark's are:
    runtimes that specialise on them may. Where `fused` is given, blocks are cnnkit's own operator.
    """
    graph = fuse_convolutions(to_graph(work)) if fused else to_graph(work)
    return bytes(to_model(graph, OPSET).SerializeToString())


def to_graph(work: Workload) -> Graph:
    """Return a workload as a graph."""
    if isinstance(work, GraphWorkload):
        return work.fixed
    tensors: dict[str, Array] = {}
    nodes: list[Node] = []

    def add(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(Node(operator, tuple(inputs), (output,), attributes, output))
        return output

    raw = isinstance(work, InferenceWorkload)
    value = "x"
    if raw:
        tensors["scale"] = np.asarray(PIXEL_SCALE, np.float32)
        value = add("Mul", [add("Cast", ["x"], "pixels", to="float32"), "scale"], "scaled")
    last = len(work.blocks) - 1
    for i, block in enumerate(work.blocks):
        arrays = {f"weight{i}": block.weight}
        if block.bias is not None:
            arrays[f"bias{i}"] = block.bias
        tensors |= arrays
        value = add(
            "Conv",
            [value, *arrays],
            f"conv{i}",
            kernel_shape=block.weight.shape[2:],
            strides=block.stride,
            pads=block.padding * 2,
        )
        value = add(
            "MaxPool",
            [add("Relu", [value], f"relu{i}")],
            "y" if i == last and not work.head else f"pool{i}",
            kernel_shape=block.pool_kernel,
            strides=block.pool_stride,
            pads=block.pool_padding * 2,
        )
    outputs = ["y"]
    if work.head:
        tensors |= {"weight": work.head.weight, "bias": work.head.bias}
        features = add("Flatten", [value], "features")
        scores = add("Gemm", [features, "weight", "bias"], "y" if raw else "logits", transB=1)
        if raw:
            outputs.append(add("Softmax", [scores], "probabilities", axis=1))
            outputs.append(add("ArgMax", [scores], "label", axis=1, keepdims=0))
        else:
            add("LogSoftmax", [scores], "y", axis=1)
    images = TensorType(work.x.dtype.name, work.x.shape)
    return Graph({"x": images}, tuple(nodes), tuple(outputs), tensors)
