"""A network quantised by images: `quantise(graph, images, labels).graph`, as QDQ.

The ranges of its values are those of the method whose integers classify other images best; of
those that do it equally well, but for chance, the one with the least noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised.equalising import Exponents, equalised, exponents
from cnnkit.graph.quantised.form import Plan, check_left, plan, prepared
from cnnkit.graph.quantised.integers import to_integers
from cnnkit.graph.quantised.ranges import METHODS
from cnnkit.graph.quantised.rewriting import with_quantisation
from cnnkit.graph.quantised.scales import Scale, choose_scales
from cnnkit.graph.quantised.statistics import Values, collect
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array
from cnnkit.graph.work import multiply_adds

BEST = "best"  # of the methods, by accuracy
PART = 50  # images at once
MOST_WORK = 2_500_000_000  # multiply-adds of the images that choose a method
FEWEST, MOST = 16, 400  # of these images


@dataclass(frozen=True)
class Quantised:
    """A quantised network.

    Attributes:
        plan: what of it is quantised.
        method: how the ranges were found: a key of `METHODS`.
        scales: of its values.
        graph: the network as QDQ.
        equalised: the powers of two that channels were multiplied by between layers.
    """

    plan: Plan
    method: str
    scales: Mapping[str, Scale]
    graph: Graph
    equalised: Exponents = field(default_factory=dict)

    @cached_property
    def integers(self) -> Graph:
        """The network as integer graph."""
        return to_integers(self.graph)


def quantise(
    graph: Graph,
    images: NDArray[np.generic],
    labels: NDArray[np.int64] | None = None,
    *,
    calibration: int,
    method: str = BEST,
    keep_float: Sequence[str] = (),
) -> Quantised:
    """Quantise a network that has the contract.

    Args:
        graph: its input takes `images`.
        images: of training, [N, C, H, W].
        labels: their classes [N]; None counts the network's own labels.
        calibration: how many of the images give the ranges; those behind them choose the method.
        method: a key of `METHODS`, or BEST, with which equalisation is tried as well.
        keep_float: names of layers that stay as they are.

    Raises:
        InputError: there is no such method or layer, nothing is left to quantise, or the images
            do not do.
    """
    if method not in (BEST, *METHODS):
        known = ", ".join((BEST, *METHODS))
        raise InputError(f"--ranges {method}", "is not a method", f"use one of {known}")
    found = plan(prepared(graph), keep_float)
    check_left(found, keep_float)
    statistics = collect(found, images[:calibration])
    tried = [by_method(found, statistics, name) for name in METHODS if method in (BEST, name)]
    powers = exponents(found, statistics) if method == BEST else {}
    if powers:
        equal = plan(equalised(found, powers), keep_float)
        statistics = collect(equal, images[:calibration])
        rows = [by_method(equal, statistics, name) for name in METHODS]
        tried += [replace(row, equalised=powers) for row in rows]
    if len(tried) == 1:
        return tried[0]
    others = images[calibration:] if len(images) >= calibration + FEWEST else images
    count = min(MOST, max(FEWEST, MOST_WORK // max(1, multiply_adds(found.graph))))
    chosen = others[:count]
    exact = in_parts(found.graph, chosen, "float64")
    truth = exact.argmax(axis=1) if labels is None else labels[len(images) - len(others) :][:count]
    scores = [_score(each, chosen, exact, truth) for each in tried]
    best = max(right for right, _ in scores)
    by_chance = np.sqrt(best * (1 - best) / len(chosen))  # standard error of an accuracy
    near = [i for i, (right, _) in enumerate(scores) if right >= best - by_chance]
    return tried[min(near, key=lambda i: scores[i][1])]


def by_method(found: Plan, statistics: Mapping[str, Values], method: str) -> Quantised:
    """Return a network quantised by one method."""
    ranges = {name: METHODS[method](values) for name, values in statistics.items()}
    scales = choose_scales(found, ranges)
    means = {name: values.means for name, values in statistics.items()}
    return Quantised(found, method, scales, with_quantisation(found, scales, means))


def _score(
    quantised: Quantised, images: NDArray[np.generic], exact: Array, truth: NDArray[np.int64]
) -> tuple[float, float]:
    """Return the accuracy of the integers, and how far their logits are from the network's."""
    logits = in_parts(quantised.integers, images)
    right = float((logits.argmax(axis=1) == truth).mean())
    return right, float(np.square(logits - exact).mean())


def run_integers(graph: Graph, images: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return the logits [N, K] of an integer graph, to the bit as ONNX Runtime computes them."""
    return in_parts(graph, images).astype(np.float32)


def in_parts(graph: Graph, images: NDArray[np.generic], dtype: str = "float32") -> Array:
    """Return logits [N, K], float64, of a few images at once."""
    parts = [
        evaluate(graph, {INPUT: images[at : at + PART]}, [LOGITS], reproducible=False, dtype=dtype)[
            LOGITS
        ]
        for at in range(0, len(images), PART)
    ]
    return np.concatenate(parts)
