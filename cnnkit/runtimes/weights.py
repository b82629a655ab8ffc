"""Weights files in cnnkit's own engine, as a model that `cnnkit verify` can check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.contract import signature
from cnnkit.formats.description import metadata
from cnnkit.graph.convnet import OUTPUTS
from cnnkit.graph.weights import Weights
from cnnkit.ops.fused import isa
from cnnkit.runtimes.model import Model
from cnnkit.runtimes.native import network
from cnnkit.runtimes.prediction import Prediction


def load_weights(path: Path, threads: int) -> Model:
    """Open a weights file in cnnkit's own engine, or in PyTorch if it is none of the family."""
    weights = read_weights(path)
    try:
        runtime, run = f"cnnkit ({isa()})", network(weights.graph, threads)
    except InputError as error:
        runtime, run = _in_pytorch(path, weights, error)
    return Model(
        path, "weights", runtime, metadata(weights), weights, signature(weights.graph), run
    )


def _in_pytorch(
    path: Path, weights: Weights, declined: InputError
) -> tuple[str, Callable[[NDArray[np.uint8]], Prediction]]:
    try:
        import torch

        from cnnkit.nn.graph_module import GraphModule
    except ImportError as error:
        raise InputError(
            path, declined.reason, "install PyTorch, in which it runs: cnnkit[train]"
        ) from error
    module = GraphModule(weights.graph).eval()

    def run(images: NDArray[np.uint8]) -> Prediction:
        with torch.inference_mode():
            values = module.values(torch.from_numpy(images), wanted=OUTPUTS)
        return Prediction(*(value.numpy() for value in values))

    return f"PyTorch {torch.__version__}", run
