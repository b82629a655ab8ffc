"""cnnkit itself, as it is called from Python."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cnnkit.bench.peers.ready import Ready
from cnnkit.bench.workload import Float32, Workload
from cnnkit.ops import ConvReLUPool


def cnnkit(work: Workload, threads: int) -> Ready:
    """Make the weights of every block ready once; the head is NumPy's."""
    blocks = [ConvReLUPool(layer.weight, layer.bias, *layer.parameters) for layer in work.layers]
    x, head = work.x, work.head
    if head is None and len(blocks) == 1:
        block = blocks[0]
        return Ready(partial(block, x, threads=threads, out=block(x)))

    between = [blocks[0](x)]  # written to by every call
    for block in blocks[1:]:
        between.append(block(between[-1]))

    def call() -> Any:
        y = x
        for block, out in zip(blocks, between, strict=True):
            y = block(y, threads=threads, out=out)
        return y if head is None else log_probabilities(y, head.weight, head.bias)

    return Ready(call)


def log_probabilities(y: Float32, weight: Float32, bias: Float32) -> Float32:
    """Compute Linear and log-softmax: features [N, C, H, W] → [N, K]."""
    logits = y.reshape(len(y), -1) @ weight.T + bias
    logits -= logits.max(1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    return np.asarray(logits)
