"""A whole network without PyTorch: `answer = network(weights)`, then `answer(images).label`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.architecture import PIXEL_SCALE
from cnnkit.checkpoint import Weights
from cnnkit.ops import ConvReLUPool


class Prediction(NamedTuple):
    """What a model answers for N images and K classes."""

    logits: NDArray[np.float32]  # [N, K]
    probabilities: NDArray[np.float32]  # [N, K]
    label: NDArray[np.int64]  # [N]


def network(weights: Weights, threads: int = 1) -> Callable[[NDArray[np.uint8]], Prediction]:
    """Return a function of images, uint8 [N, C, H, W], in cnnkit's own kernels.

    The published network is one compiled engine; any other is a kernel per block, then NumPy.
    """
    if weights.architecture.is_published:
        engine = _core.Network(weights.architecture.join(weights.tensors))
        return lambda images: Prediction(*engine(images, threads))
    return blockwise(weights, threads)


def blockwise(weights: Weights, threads: int = 1) -> Callable[[NDArray[np.uint8]], Prediction]:
    """Return what `network` does, for any architecture: one kernel per block, then NumPy."""
    blocks = [
        ConvReLUPool(
            weights.tensors[f"convs.{i}.weight"],
            weights.tensors[f"convs.{i}.bias"],
            padding=block.padding,
            pool_kernel=block.pool,
        )
        for i, block in enumerate(weights.architecture.blocks)
    ]
    matrix, bias = weights.tensors["linear.weight"].T, weights.tensors["linear.bias"]
    inputs = len(matrix)

    def answer(images: NDArray[np.uint8]) -> Prediction:
        x: NDArray[np.float32] = images.astype(np.float32) * np.float32(PIXEL_SCALE)
        for block in blocks:
            x = block(x, threads=threads)
        logits = x.reshape(len(x), inputs) @ matrix + bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        return Prediction(logits, probabilities, logits.argmax(axis=1).astype(np.int64))

    return answer
