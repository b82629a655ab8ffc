"""cnnkit itself, as it is called from Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.bench.measure.breakdown import new_trainer
from cnnkit.bench.measure.flop import executed_flop
from cnnkit.bench.measure.native_flop import inference_flop, training_flop
from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.workloads.base import Float32, Workload
from cnnkit.bench.workloads.graph import GraphWorkload
from cnnkit.bench.workloads.integers import IntegerWorkload, twin_of
from cnnkit.bench.workloads.layers import LayersWorkload
from cnnkit.bench.workloads.network import weights_of
from cnnkit.bench.workloads.training import LEARNING_RATE, TrainingWorkload
from cnnkit.ops.fused import ConvReLUPool
from cnnkit.runtimes.native import open_engine


def operations(work: Workload, threads: int) -> PreparedCall:
    """Run every block as one fused operation with packed weights, and the head in NumPy."""
    fused = [
        ConvReLUPool(block.weight, block.bias, *block.parameters, precision=block.precision)
        for block in work.blocks
    ]
    x, head = work.x, work.head
    flop = _flop_of(work, fused)
    if head is None and len(fused) == 1:
        (only,) = fused
        return PreparedCall(partial(only, x, threads=threads, out=only(x)), flop=flop)

    outputs = [fused[0](x)]  # every call writes to these
    for operation in fused[1:]:
        outputs.append(operation(outputs[-1]))

    def run() -> Any:
        y = x
        for operation, out in zip(fused, outputs, strict=True):
            y = operation(y, threads=threads, out=out)
        return y if head is None else log_probabilities(y, head.weight, head.bias)

    return PreparedCall(run, flop=flop)


def _flop_of(work: Workload, fused: list[ConvReLUPool]) -> float | None:
    total = 2.0 * len(work.x) * work.head.weight.size if work.head else 0.0
    for operation, block, shape in zip(fused, work.blocks, work.shapes(), strict=False):
        flop = executed_flop(operation.algorithm, block, shape)
        if flop is None:
            return None
        total += flop
    return total


def inference(work: Workload, threads: int) -> PreparedCall:
    """Run the native engine, which `cnnkit.load` returns."""
    network = open_engine(weights_of(work).graph)
    out = network(work.x, threads)
    return PreparedCall(
        partial(network, work.x, threads, out),
        lambda output: np.array(output[0]),
        flop=sum(inference_flop(work).values()) * len(work.x) or None,
    )


def network(work: Workload, threads: int) -> PreparedCall:
    """Run a graph in the engine that `cnnkit.load` chooses for it."""
    assert isinstance(work, GraphWorkload)
    engine = open_engine(work.graph, work.name)
    out = engine(work.x, threads)
    return PreparedCall(partial(engine, work.x, threads, out), lambda output: np.array(output[0]))


def in_float32_network(work: Workload, threads: int) -> PreparedCall:
    """Run a quantised network's float32 twin in the engine that `cnnkit.load` chooses for it."""
    assert isinstance(work, IntegerWorkload)
    return network(twin_of(work), threads)


def training(work: Workload, threads: int) -> PreparedCall:
    """Train in the native engine, from the workload's weights in every call."""
    assert isinstance(work, TrainingWorkload)
    order, labels = np.arange(len(work.x)), work.labels.astype(np.uint8)
    if isinstance(work, LayersWorkload):
        layers = layer_trainer(work, labels)
        flop = None
    else:
        layers = partial(new_trainer, work, labels)
        flop = sum(training_flop(work).values()) * len(work.x) or None

    def run() -> Any:
        return layers().train(order, work.batch, LEARNING_RATE, 0.0, None, threads)[0]

    return PreparedCall(run, flop=flop)


def layer_trainer(work: LayersWorkload, labels: NDArray[np.uint8]) -> Callable[[], _core.Training]:
    """Return what opens the engine for a list of layers before its first step."""
    sequence = work.sequence
    start = np.concatenate([work.graph.tensors[name].ravel() for name in sequence.parameters])
    zeros, layers = np.zeros_like(start), [*map(tuple, sequence.layers)]
    shape = layers, sequence.size, sequence.classes, (sequence.mean, sequence.std)
    none = np.zeros(0, np.float32)
    return partial(_core.LayerTrainer, work.x, labels, start, zeros, zeros, 0, none, *shape, 0)


def log_probabilities(y: Float32, weight: Float32, bias: Float32) -> Float32:
    """Compute Linear and log-softmax: features [N, C, H, W] → [N, K]."""
    logits = y.reshape(len(y), -1) @ weight.T + bias
    logits -= logits.max(1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    return np.asarray(logits)
