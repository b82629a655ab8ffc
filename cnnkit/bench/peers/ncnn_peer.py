"""ncnn as a peer: blocks as its converters write them, any other graph as pnnx converts it."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from cnnkit.bench.peers.onnx_graph import OPSET
from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.workloads.base import ConvBlock, Float32, Workload
from cnnkit.bench.workloads.graph import GraphWorkload
from cnnkit.errors import InputError
from cnnkit.formats.onnx.model import to_model
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.passes.rewriting import drop_unused

MAGIC = 7767517
PLAIN_FLOAT32 = struct.pack("<I", 0)  # the tag before a weight array: neither packed nor quantised


def ncnn(work: Workload, threads: int) -> PreparedCall:
    """Load the workload into ncnn in float32; it has no batch axis, so Python loops over images."""
    import ncnn as runtime

    with tempfile.TemporaryDirectory() as folder:
        graph, weights = Path(folder) / "net.param", Path(folder) / "net.bin"
        graph.write_text(_graph(work))
        weights.write_bytes(_weights(work))
        net = _loaded(graph, weights, threads)
    images = [runtime.Mat(image) for image in work.x]

    def run() -> Any:
        outputs = []
        for image in images:
            extractor = net.create_extractor()
            extractor.input("x", image)
            outputs.append(extractor.extract("y")[1])
        return outputs

    def to_array(outputs: Any) -> Float32:
        return np.stack([np.array(output) for output in outputs])

    return PreparedCall(run, to_array)


def network(work: Workload, threads: int) -> PreparedCall:
    """Load a graph into ncnn by pnnx; it takes pixels as float32, because ncnn has no uint8.

    Raises:
        InputError: pnnx does not convert the graph, or ncnn does not load it.
    """
    import ncnn as runtime
    import pnnx

    graph = _of_floats(cast("GraphWorkload", work).fixed)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "net.onnx").write_bytes(to_model(graph, OPSET).SerializeToString())
        subprocess.run(
            [pnnx.EXEC_PATH, "net.onnx", "fp16=0"], cwd=folder, capture_output=True, check=False
        )
        files = [Path(folder, f"net.ncnn.{suffix}") for suffix in ("param", "bin")]
        if not all(file.exists() for file in files):
            raise InputError("pnnx", "does not convert the network", "leave ncnn out")
        net = _loaded(files[0], files[1], threads)
    # A clone keeps its pixels; a Mat of an array only points to them.
    images = [runtime.Mat(image).clone() for image in work.x.astype(np.float32)]

    def run() -> Any:
        outputs = []
        for image in images:
            extractor = net.create_extractor()
            extractor.input("in0", image)
            outputs.append(extractor.extract("out0")[1])
        return outputs

    return PreparedCall(run, lambda outputs: np.stack([np.array(each) for each in outputs]))


def _of_floats(graph: Graph) -> Graph:
    """Return the part of an image of float32 to the logits."""
    ((name, images),) = graph.inputs.items()
    same = {
        node.outputs[0]: name
        for node in graph.nodes
        if node.operator == "Cast" and node.inputs == (name,)
    }
    nodes = [
        replace(node, inputs=tuple(same.get(value, value) for value in node.inputs))
        for node in graph.nodes
        if node.outputs[0] not in same
    ]
    inputs = {name: replace(images, dtype="float32", shape=(1, *images.shape[1:]))}
    return drop_unused(Graph(inputs, tuple(nodes), (LOGITS,), graph.tensors))


def _loaded(graph: Path, weights: Path, threads: int) -> Any:
    """Return a network of ncnn's that computes in float32."""
    import ncnn as runtime

    net = runtime.Net()
    options = net.opt
    options.num_threads = threads
    options.openmp_blocktime = 0
    options.use_vulkan_compute = False
    options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
    options.use_bf16_packed = options.use_bf16_storage = False
    if net.load_param(str(graph)) or net.load_model(str(weights)):
        raise InputError("ncnn", "does not load the network", "leave ncnn out")
    return net


def _graph(work: Workload) -> str:
    """Return the .param text: one line a layer, `type name inputs outputs names id=value…`."""
    _, channels, height, width = work.x.shape
    lines = [f"Input x 0 1 x 0={width} 1={height} 2={channels}"]
    value = "x"
    for i, block in enumerate(work.blocks):
        lines += [
            f"Convolution conv{i} 1 1 {value} conv{i} {_convolution(block)}",
            f"Pooling pool{i} 1 1 conv{i} pool{i} {_pooling(block)}",
        ]
        value = f"pool{i}"
    if work.head:
        classes, features = work.head.weight.shape
        lines += [
            f"InnerProduct linear 1 1 {value} logits 0={classes} 1=1 2={classes * features}",
            "Softmax softmax 1 1 logits probabilities 0=0 1=1",
            "UnaryOp log 1 1 probabilities y 0=8",
        ]
    else:
        lines[-1] = lines[-1].replace(f" {value} ", " y ").replace("Pooling y ", "Pooling pool ")
    return "\n".join([str(MAGIC), f"{len(lines)} {len(lines)}", *lines]) + "\n"


def _convolution(block: ConvBlock) -> str:
    """Return a Convolution line's numbers, with ReLU fused as ncnn's own optimiser does."""
    cout, _, rows, columns = block.weight.shape
    numbers = {
        **{0: cout, 1: columns, 11: rows, 3: block.stride[1], 13: block.stride[0]},
        **{4: block.padding[1], 14: block.padding[0], 5: int(block.bias is not None)},
        **{6: block.weight.size, 9: 1},
    }
    return " ".join(f"{key}={number}" for key, number in numbers.items())


def _pooling(block: ConvBlock) -> str:
    """Return a Pooling line's numbers: maximum, floor at odd sizes."""
    numbers = {
        **{0: 0, 1: block.pool_kernel[1], 11: block.pool_kernel[0], 5: 1},
        **{2: block.pool_stride[1], 12: block.pool_stride[0]},
        **{3: block.pool_padding[1], 13: block.pool_padding[0]},
    }
    return " ".join(f"{key}={number}" for key, number in numbers.items())


def _weights(work: Workload) -> bytes:
    parts = []
    for block in work.blocks:
        parts += [PLAIN_FLOAT32, block.weight.tobytes()]
        parts += [block.bias.tobytes()] if block.bias is not None else []
    if work.head:
        parts += [PLAIN_FLOAT32, work.head.weight.tobytes(), work.head.bias.tobytes()]
    return b"".join(parts)
