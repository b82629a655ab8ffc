"""What reading a model gives: `Network`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.base import Check
from cnnkit.graph.convnet import build
from cnnkit.graph.normalisation import normalise
from cnnkit.graph.types import Array
from cnnkit.graph.weights import Weights


class Outputs(NamedTuple):
    """Logits that cnnkit did not compute.

    Attributes:
        logits: [N, K], as exact as they are to be had.
        rounded: the same, rounded in another way.
        name: what computed them.
    """

    logits: Array
    rounded: Array
    name: str


def named_as_ours(weights: Weights) -> Weights:
    """Return a network of the family with cnnkit's names in it, any other as it is.

    By its parameters' names a file of the family is compared with its network.
    """
    plain, normalisation = weights.plain, weights.normalisation
    if not plain.is_family:
        return weights
    graph = build(*plain.convnet)
    whole = graph if normalisation is None else normalise(graph, *normalisation.numbers)
    return replace(weights, graph=whole)


@dataclass(frozen=True)
class Network:
    """A model as a network with the contract's input and outputs.

    Attributes:
        weights: the network, and what is known of it.
        source: the model, as a person named it.
        checks: what has been proven of it.
        notes: what a person should know: a batch that was freed, weights that were drawn.
        path: its file, if it is one that tells what data it was trained on.
        compute: of a network with nodes that cnnkit has no operator for, what computes it.
    """

    weights: Weights
    source: str
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    path: Path | None = None
    compute: Callable[[NDArray[np.uint8]], Outputs] | None = None
