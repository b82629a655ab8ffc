"""The checks of a network in 8 bits: `expected_of(found, weights, metadata, dataset)`.

Nothing that a file states of itself is taken for granted, but for which layers were kept in float
and by what method ranges were found. With the scales of its activations, the network is quantised
again: what follows from them, weights and biases, has to be what the file holds. And the scales
have to be those that the network's values on the training images give.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats.base import Check
from cnnkit.formats.contract import input_type, quantisation
from cnnkit.formats.quantisation import CALIBRATION, METHOD, Trained, feed
from cnnkit.graph.convnet import with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised.equalising import MOST, equalised
from cnnkit.graph.quantised.form import Plan, plan, prepared
from cnnkit.graph.quantised.ranges import METHODS
from cnnkit.graph.quantised.rewriting import with_quantisation
from cnnkit.graph.quantised.scales import Scale, choose_scales
from cnnkit.graph.quantised.statistics import Values, collect

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.graph.weights import Weights

SAME_GRAPH = "its graph is the network's, node by node, with 8-bit values in between"
SAME_WEIGHTS = "its weights are these, rounded to 8 bits"
SAME_RANGES = "its activations are scaled to their range on the training images"
RANGES = 1.009  # factor between activations' scales on the same images: their last digit
OTHER_RANGES = 2.0  # on other images
STEPS = 2  # that a bias may be off, by the precision that means of activations are computed in


@dataclass(frozen=True)
class Expected:
    """What a file in 8 bits has to be.

    Attributes:
        graph: the network as QDQ, with the scales of the file.
        ranges: the check of these scales.
        loose: names of biases, with the steps that they may be off.
    """

    graph: Graph
    ranges: Check
    loose: Mapping[str, NDArray[np.float64]]

    def same_bias(self, name: str, found: NDArray[Any]) -> bool:
        """Tell whether a bias in a file is near enough."""
        expected = self.graph.tensors[name]
        if (found.dtype, found.shape) != (expected.dtype, expected.shape):
            return False
        off = np.abs(found.astype(np.float64) - expected.astype(np.float64))
        return bool((off <= self.loose[name]).all())


def expected_of(
    tensors: Mapping[str, NDArray[Any]],
    weights: Weights,
    metadata: Mapping[str, Any],
    dataset: Dataset,
) -> Expected:
    """Return what a file has to be whose scales are these.

    Args:
        tensors: the file's; the scale of a value `y` is `y.scale`, its zero point `y.zero_point`.
        weights: the network.
        metadata: the file's.
        dataset: its training images give the ranges.

    Raises:
        InputError: a scale is missing or none, or what it states of its quantisation is no such.
    """
    stated = quantisation(metadata)
    method, kept = stated.get("ranges"), stated.get("keep_float")
    trained = Trained.of(weights) if method == METHOD else None
    if (method not in METHODS and trained is None) or not isinstance(kept, list):
        raise InputError("its metadata", "do not say how it was quantised", "export it again")
    input = input_type(metadata)
    found = plan(prepared(with_contract(weights.graph, input)), list(map(str, kept)))
    if "equalised" in stated:
        found = plan(equalised(found, _exponents(stated["equalised"])), list(map(str, kept)))
    scales = _scales(found, tensors)
    images = feed(input, dataset.train.images[:CALIBRATION])
    if trained is not None:
        graph = with_quantisation(found, scales)
        ranges = _check_trained(scales, trained.all_scales(found, images))
        return Expected(graph, ranges, _loose(graph, True))
    statistics = collect(found, images)
    is_same = dict(dataset.sha256) == metadata.get("cnnkit.dataset_sha256")
    means = {name: values.means for name, values in statistics.items()} if is_same else {}
    graph = with_quantisation(found, scales, means)
    most = RANGES if is_same else OTHER_RANGES
    ranges = _check_ranges(found, scales, statistics, str(method), most, len(images))
    return Expected(graph, ranges, _loose(graph, is_same))


def _exponents(stated: Any) -> dict[str, list[int]]:
    """Return powers of two, whichever they are: the network computes the same with all."""
    good = isinstance(stated, dict) and all(
        isinstance(row, list) and all(type(power) is int and 0 <= power <= MOST for power in row)
        for row in stated.values()
    )
    if not good:
        raise InputError("its metadata", "do not say how it was equalised", "export it again")
    return dict(stated)


def _scales(found: Plan, tensors: Mapping[str, NDArray[Any]]) -> dict[str, Scale]:
    """Return the scales in a file."""
    shared: dict[str, Scale] = {}
    for name in dict.fromkeys(found.values.values()):
        scale, zero = (tensors.get(f"{name}.{part}") for part in ("scale", "zero_point"))
        if scale is None or zero is None:
            raise InputError(name, "is not quantised", "export it again")
        good = scale.size == zero.size == 1 and scale.dtype == np.float32
        if not good or zero.dtype != np.uint8 or not np.isfinite(scale).all() or scale.min() <= 0:
            raise InputError(name, "has a scale that is not a positive number", "export it again")
        shared[name] = Scale(np.float32(scale.item()), int(zero.item()))
    return {name: shared[first] for name, first in found.values.items()}


def _check_ranges(
    found: Plan,
    scales: Mapping[str, Scale],
    statistics: Mapping[str, Values],
    method: str,
    most: float,
    count: int,
) -> Check:
    ranges = {name: METHODS[method](values) for name, values in statistics.items()}
    right = choose_scales(found, ranges)
    furthest, wrong = 1.0, ""
    for name, (scale, zero) in scales.items():
        expected = right[name]
        ratio = max(float(scale / expected.scale), float(expected.scale / scale))
        low, right_low = zero * float(scale), expected.zero * float(expected.scale)
        if abs(low - right_low) > (most - 1) * right_low + 1.01 * float(scale):
            wrong = wrong or f"{name} has the zero point {zero}"
        if ratio > most:
            wrong = wrong or f"{name} has the scale {scale:.4g}, not {expected.scale:.4g}"
        furthest = max(furthest, ratio)
    text = f"{count} images, {method}, scales off by {furthest - 1:.1e} at most"
    return Check(SAME_RANGES, not wrong, wrong or text)


def _check_trained(scales: Mapping[str, Scale], right: Mapping[str, Scale]) -> Check:
    wrong = next((name for name in scales if scales[name] != right[name]), "")
    text = f"{wrong} has another scale" if wrong else f"{len(scales)} values, as in training"
    return Check(SAME_RANGES, not wrong, text)


def _loose(graph: Graph, is_same: bool) -> dict[str, NDArray[np.float64]]:
    """Return how many steps each bias may be off.

    Without the images, it may be as much as the rounding of weights can add on average.
    """
    found = {}
    for name, array in graph.tensors.items():
        if name.endswith(".bias.quantised"):
            weight = graph.tensors[name.replace(".bias.", ".weight.")]
            terms = weight[0].size
            found[name] = np.full(array.shape, STEPS if is_same else STEPS + 0.5 * 255 * terms)
    return found
