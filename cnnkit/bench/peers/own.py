"""cnnkit itself, as it is called from Python."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cnnkit import _core
from cnnkit.bench.measure.breakdown import (
    inference_flop,
    new_trainer,
    parameter_vector,
    sizes,
    training_flop,
)
from cnnkit.bench.measure.flop import executed_flop
from cnnkit.bench.peers.ready import Ready
from cnnkit.bench.workloads.base import Float32, Workload
from cnnkit.bench.workloads.training import LEARNING_RATE, TrainWorkload
from cnnkit.ops.fused import ConvReLUPool


def cnnkit(work: Workload, threads: int) -> Ready:
    """Make the weights of every block ready once; the head is NumPy's."""
    blocks = [
        ConvReLUPool(layer.weight, layer.bias, *layer.parameters, precision=layer.precision)
        for layer in work.layers
    ]
    x, head = work.x, work.head
    flop = _flop_of_blocks(work, blocks)
    if head is None and len(blocks) == 1:
        block = blocks[0]
        return Ready(partial(block, x, threads=threads, out=block(x)), flop=flop)

    between = [blocks[0](x)]  # written to by every call
    for block in blocks[1:]:
        between.append(block(between[-1]))

    def call() -> Any:
        y = x
        for block, out in zip(blocks, between, strict=True):
            y = block(y, threads=threads, out=out)
        return y if head is None else log_probabilities(y, head.weight, head.bias)

    return Ready(call, flop=flop)


def _flop_of_blocks(work: Workload, blocks: list[ConvReLUPool]) -> float | None:
    total = 2.0 * len(work.x) * work.head.weight.size if work.head else 0.0
    for block, layer, shape in zip(blocks, work.layers, work.shapes(), strict=False):
        flop = executed_flop(block.algorithm, layer, shape)
        if flop is None:
            return None
        total += flop
    return total


def engine(work: Workload, threads: int) -> Ready:
    """Answer in the compiled engine: what `cnnkit.load` gives."""
    network = _core.Network(parameter_vector(work), None, sizes(work))
    out = network(work.x, threads)
    return Ready(
        partial(network, work.x, threads, out),
        lambda answer: np.array(answer[0]),
        flop=sum(inference_flop(work).values()) * len(work.x) or None,
    )


def training(work: Workload, threads: int) -> Ready:
    """Train in the compiled engine, from the workload's weights in every call."""
    del threads  # it has one
    assert isinstance(work, TrainWorkload)
    order, labels = np.arange(len(work.x)), work.labels.astype(np.uint8)

    def call() -> Any:
        return new_trainer(work, labels).train(order, work.batch, LEARNING_RATE)[0]

    return Ready(call, flop=sum(training_flop(work).values()) * len(work.x) or None)


def log_probabilities(y: Float32, weight: Float32, bias: Float32) -> Float32:
    """Compute Linear and log-softmax: features [N, C, H, W] → [N, K]."""
    logits = y.reshape(len(y), -1) @ weight.T + bias
    logits -= logits.max(1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    return np.asarray(logits)
