"""ncnn as a peer; its text graph and weights are written here, as its converters write them."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.workloads.base import ConvBlock, Float32, Workload

MAGIC = 7767517
PLAIN_FLOAT32 = struct.pack("<I", 0)  # the tag before a weight array: neither packed nor quantised


def ncnn(work: Workload, threads: int) -> PreparedCall:
    """Load the workload into ncnn in float32; it has no batch axis, so Python loops over images."""
    import ncnn as runtime

    net = runtime.Net()
    options = net.opt
    options.num_threads = threads
    options.openmp_blocktime = 0
    options.use_vulkan_compute = False
    options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
    options.use_bf16_packed = options.use_bf16_storage = False
    with tempfile.TemporaryDirectory() as folder:
        graph, weights = Path(folder) / "net.param", Path(folder) / "net.bin"
        graph.write_text(_graph(work))
        weights.write_bytes(_weights(work))
        net.load_param(str(graph))
        net.load_model(str(weights))
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
