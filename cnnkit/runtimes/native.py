"""A whole network without PyTorch: `answer = network(weights)`, then `answer(images).label`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.formats import contract
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.weights import Weights
from cnnkit.ops.fused import isa
from cnnkit.runs.find import find_weights
from cnnkit.runtimes.model import Model, Prediction


def engine(weights: Weights) -> _core.Network:
    """Return the compiled engine with these weights made ready."""
    architecture = weights.architecture
    return _core.Network(architecture.join(weights.tensors), None, architecture.sizes)


def network(weights: Weights, threads: int = 1) -> Callable[[NDArray[np.uint8]], Prediction]:
    """Return a function of images, uint8 [N, C, H, W], in cnnkit's own engine."""
    compiled = engine(weights)
    return lambda images: Prediction(*compiled(images, threads))


def load_weights(path: Path, threads: int) -> Model:
    """Open a weights file or a run folder in cnnkit's own kernels."""
    file = find_weights(path)
    weights = read_weights(file)
    return Model(
        file,
        "weights",
        f"cnnkit ({isa()})",
        contract.metadata(weights),
        weights,
        contract.signature(weights.architecture),
        network(weights, threads),
    )
