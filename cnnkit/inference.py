"""A whole network without PyTorch: `answer = network(weights)`, then `answer(images).label`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.checkpoint import Weights


class Prediction(NamedTuple):
    """What a model answers for N images and K classes."""

    logits: NDArray[np.float32]  # [N, K]
    probabilities: NDArray[np.float32]  # [N, K]
    label: NDArray[np.int64]  # [N]


def engine(weights: Weights) -> _core.Network:
    """Return the compiled engine with these weights made ready."""
    architecture = weights.architecture
    return _core.Network(architecture.join(weights.tensors), None, architecture.sizes)


def network(weights: Weights, threads: int = 1) -> Callable[[NDArray[np.uint8]], Prediction]:
    """Return a function of images, uint8 [N, C, H, W], in cnnkit's own engine."""
    compiled = engine(weights)
    return lambda images: Prediction(*compiled(images, threads))
