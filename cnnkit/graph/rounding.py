"""How far float32 may be off: `error_limit(graph, images)`, by its own error on these images."""

from __future__ import annotations

import math

import numpy as np

from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array
from cnnkit.metrics import LOGIT_TOLERANCE

# Another order of the same sums, other kernels (Winograd) and fused layers round differently.
FACTOR = 8.0
LEAST = 1e-30  # stands for the largest logit where all are 0
MOST = 1e-2  # of the largest logit: beyond, float32 shows nothing of the network any more


def error_limit(graph: Graph, images: Array, exact: Array, *, reproducible: bool = False) -> float:
    """Return the largest error of a logit that rounding to float32 explains.

    Args:
        graph: a network with the contract's input and outputs.
        images: what it is computed for.
        exact: its logits for them in float64.
        reproducible: as `evaluate` has it.
    """
    return limit_of(in_float32(graph, images, reproducible=reproducible), exact)


def in_float32(graph: Graph, images: Array, *, reproducible: bool = False) -> Array:
    """Return a network's logits as a runtime may round them, which is no more careful than it."""
    feed = {INPUT: images}
    (found,) = evaluate(
        graph, feed, [LOGITS], reproducible=reproducible, dtype="float32", rough=True
    ).values()
    return found


def limit_of(rounded: Array, exact: Array) -> float:
    """Return the limit that follows from float32's own results and the exact ones.

    Floor and cap are shares of the largest logit, however small that is: an untrained network's
    are often far below 1. The limit is the floor times a power of two, the nearest: sums of float32
    differ a little from one processor to another, and files are the same bytes on all of them.
    """
    largest = max(LEAST, float(np.abs(exact).max(initial=0.0)))
    floor, most = LOGIT_TOLERANCE * largest, MOST * largest
    with np.errstate(invalid="ignore"):
        own = float(np.abs(rounded.astype(np.float64) - exact).max(initial=0.0))
    if not FACTOR * own < most:  # not a number, too
        return most
    steps = round(math.log2(max(FACTOR * own, floor) / floor))
    return min(floor * 2.0**steps, most)
