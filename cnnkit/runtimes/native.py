"""A whole network without PyTorch: `run = network(weights)`, then `run(images).label`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.model import Prediction


def engine(weights: Weights) -> _core.Network:
    """Return the compiled engine with these weights packed."""
    architecture = weights.architecture
    return _core.Network(architecture.join(weights.tensors), None, architecture.sizes)


def network(weights: Weights, threads: int = 1) -> Callable[[NDArray[np.uint8]], Prediction]:
    """Return a function of images, uint8 [N, C, H, W], in cnnkit's own engine."""
    compiled = engine(weights)
    return lambda images: Prediction(*compiled(images, threads))
