"""Weights files in cnnkit's own engine, as a model that `cnnkit verify` can check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.contract import signature
from cnnkit.formats.description import metadata
from cnnkit.runtimes.graphs import open_graph
from cnnkit.runtimes.model import Model
from cnnkit.runtimes.prediction import Prediction


def load_weights(path: Path, threads: int) -> Model:
    """Open a weights file in cnnkit's own engine, or in PyTorch if it is none of the family."""
    weights = read_weights(path)
    runtime, compiled = open_graph(weights.graph, path)

    def run(images: NDArray[np.uint8]) -> Prediction:
        return Prediction(*compiled(images, threads))

    about = metadata(weights)
    return Model(path, "weights", runtime, about, weights, signature(weights.graph), run)
