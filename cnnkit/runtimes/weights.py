"""Weights files in cnnkit's own engine, as a model that `cnnkit verify` can check."""

from __future__ import annotations

from pathlib import Path

from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.contract import signature
from cnnkit.formats.description import metadata
from cnnkit.ops.fused import isa
from cnnkit.runtimes.model import Model
from cnnkit.runtimes.native import network


def load_weights(path: Path, threads: int) -> Model:
    """Open a weights file in cnnkit's own engine."""
    weights = read_weights(path)
    return Model(
        path,
        "weights",
        f"cnnkit ({isa()})",
        metadata(weights),
        weights,
        signature(weights.graph),
        network(weights.graph, threads),
    )
