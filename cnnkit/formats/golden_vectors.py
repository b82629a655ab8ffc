"""Golden vectors of a network: `vectors(weights, choose(dataset.test))`.

They are computed in float64 and rounded to float32, so that the same weights give the same bytes on
every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import VerdictError
from cnnkit.formats.golden import COUNT, Golden
from cnnkit.graph.convnet import INPUT, LOGITS, with_contract
from cnnkit.graph.kept import Kept, key_of
from cnnkit.graph.reference import evaluate
from cnnkit.graph.rounding import error_limit
from cnnkit.graph.weights import Weights
from cnnkit.graph.work import multiply_adds
from cnnkit.metrics import LOGIT_TOLERANCE

if TYPE_CHECKING:
    from cnnkit.data.dataset import Split


REPRODUCIBLE = 200_000_000  # multiply-adds; above, BLAS has to do, which may round otherwise

KEPT = Kept[NDArray[np.float64]](1)
TOLERANCES = Kept[float](1)


def choose(test: Split) -> NDArray[np.uint8]:
    """Return uint8 [16, C, H, W]: the first test image of each class, then the first others.

    Of a set of fewer than 16 images, some come again.
    """
    return test.images[chosen(test)]


def chosen(test: Split) -> NDArray[np.int64]:
    """Return the indices of the images that `choose` returns."""
    _, first = np.unique(test.labels, return_index=True)
    others = np.setdiff1d(np.arange(len(test.labels)), first)
    return np.resize(np.concatenate([first, others])[:COUNT], COUNT)


def vectors(weights: Weights, images: NDArray[np.uint8], tolerance: float | None = None) -> Golden:
    """Return the golden vectors of these weights for these images, uint8 [16, C, H, W].

    Args:
        weights: the network.
        images: what the vectors are of.
        tolerance: how far a runtime's logits may be off; None is what rounding explains.

    Raises:
        VerdictError: float32 has no such logits, although the weights are finite.
    """
    logits = exact_logits(weights, images)
    check_finite(logits)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    return Golden(
        images,
        logits.argmax(axis=1),
        logits.astype(np.float32),
        probabilities.astype(np.float32),
        _tolerance(weights, images, logits) if tolerance is None else tolerance,
    )


def check_finite(logits: NDArray[np.float64]) -> None:
    """Raise VerdictError for logits that float32 does not have."""
    if not np.abs(logits).max() <= np.finfo(np.float32).max:
        raise VerdictError(
            "weights",
            "give infinite logits for test images, as after a training that diverged",
            "train again with a lower --lr",
        )


def _tolerance(weights: Weights, images: NDArray[np.uint8], logits: NDArray[np.float64]) -> float:
    """Return the largest error that rounding explains; of the family a share of the logits."""
    if weights.is_family:
        return LOGIT_TOLERANCE * max(1.0, float(np.abs(logits).max().astype(np.float32)))
    graph = with_contract(weights.graph, "uint8")

    def compute() -> float:
        limit = error_limit(graph, images, logits, reproducible=_is_small(weights))
        return float(np.float32(limit))

    return TOLERANCES.of(key_of(graph, images), compute)


def _is_small(weights: Weights) -> bool:
    return multiply_adds(weights.graph) <= REPRODUCIBLE


def exact_logits(weights: Weights, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return logits [N, K] of uint8 [N, C, H, W] in float64, the same bits on every processor."""
    graph = with_contract(weights.graph, "uint8")

    def compute() -> NDArray[np.float64]:
        return evaluate(graph, {INPUT: images}, [LOGITS], reproducible=_is_small(weights))[LOGITS]

    return KEPT.of(key_of(graph, images), compute).copy()


def near_logits(weights: Weights, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the same, but for rounding in float64 that differs from processor to processor."""
    graph = with_contract(weights.graph, "uint8")
    return evaluate(graph, {INPUT: images}, [LOGITS], reproducible=False)[LOGITS]
