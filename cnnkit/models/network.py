"""What reading a model gives: `Network`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cnnkit.formats.base import Check
from cnnkit.graph.weights import Weights


@dataclass(frozen=True)
class Network:
    """A model as a network with the contract's input and outputs.

    Attributes:
        weights: the network, and what is known of it.
        source: the model, as a person named it.
        checks: what has been proven of it.
        notes: what a person should know: a batch that was freed, weights that were drawn.
        path: its file, if it is one that tells what data it was trained on.
    """

    weights: Weights
    source: str
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    path: Path | None = None
