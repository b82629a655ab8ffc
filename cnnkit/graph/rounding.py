"""How far float32 may be off: `error_limit(graph, images)`, by its own error on these images."""

from __future__ import annotations

import numpy as np

from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array
from cnnkit.metrics import LOGIT_TOLERANCE

# Another order of the same sums, other kernels (Winograd) and fused layers round differently.
FACTOR = 8.0
MOST = 1e-2  # of the largest logit: beyond, float32 shows nothing of the network any more


def error_limit(graph: Graph, images: Array, exact: Array, *, reproducible: bool = False) -> float:
    """Return the largest error of a logit that rounding to float32 explains.

    Args:
        graph: a network with the contract's input and outputs.
        images: what it is computed for.
        exact: its logits for them in float64.
        reproducible: as `evaluate` has it.
    """
    found = evaluate(graph, {INPUT: images}, [LOGITS], reproducible=reproducible, dtype="float32")
    return limit_of(found[LOGITS], exact)


def limit_of(rounded: Array, exact: Array) -> float:
    """Return the limit that follows from float32's own results and the exact ones."""
    largest = max(1.0, float(np.abs(exact).max(initial=0.0)))
    with np.errstate(invalid="ignore"):
        own = float(np.abs(rounded.astype(np.float64) - exact).max(initial=0.0))
    if not own <= MOST * largest:  # not a number, too
        own = MOST * largest
    return float(min(max(LOGIT_TOLERANCE * largest, FACTOR * own), MOST * largest))
