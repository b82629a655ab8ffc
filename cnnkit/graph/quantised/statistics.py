"""What a network's values are on some images: `collect(plan, images)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.graph.convnet import INPUT
from cnnkit.graph.graph import Graph
from cnnkit.graph.kept import Kept, key_of
from cnnkit.graph.quantised.form import LAYERS, Plan
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array

PART = 50  # images at once, which bounds the memory of the activations
SAMPLES = 1 << 13  # of a value in a part
KEPT = Kept["dict[str, Values]"](2)  # of a network, and of the equalised one


@dataclass(frozen=True)
class Values:
    """What is known of a value.

    Attributes:
        low, high: its smallest and its largest number, 0 between them.
        samples: some of its numbers, evenly spread over images and places.
        means: of each channel [C], over images and places.
        highs: the largest of each channel [C].
    """

    low: float
    high: float
    samples: NDArray[np.float64]
    means: NDArray[np.float64]
    highs: NDArray[np.float64]


def collect(plan: Plan, images: NDArray[np.generic]) -> dict[str, Values]:
    """Return statistics of all values that are to be quantised.

    Those of pixels have the range that pixels can have.

    Args:
        plan: of a network with the contract's input.
        images: [N, C, H, W], as the network takes them.

    Raises:
        InputError: there are no images, or a value is not finite for them.
    """
    if not len(images):
        raise InputError("the training images", "are none", "choose data that has some")
    key = "".join([key_of(plan.graph, images), *plan.values])
    return dict(KEPT.of(key, lambda: _collected(plan, images)))


def _collected(plan: Plan, images: NDArray[np.generic]) -> dict[str, Values]:
    graph, names = plan.graph, [*plan.values]
    parts = np.array_split(images, -(-len(images) // PART))
    found: dict[str, list[Values]] = {name: [] for name in names}
    for part in parts:
        # Scales are rounded to few digits, in which BLAS's rounding does not show.
        values = evaluate(graph, {INPUT: part}, names, reproducible=False)
        for name, array in values.items():
            found[name].append(_of(name, array))
    joined = {name: _joined(rows, [len(part) for part in parts]) for name, rows in found.items()}
    return {**joined, **_of_pixels(plan, images, joined)}


def _of(name: str, array: Array) -> Values:
    if not np.isfinite(array).all():
        raise InputError(
            f"value {name}",
            "is not finite for a training image",
            "train again with a lower learning rate, or look for the image",
        )
    flat = array.ravel()
    step = max(1, flat.size // SAMPLES) | 1  # odd, so that it meets every column
    axes = tuple(axis for axis in range(array.ndim) if axis != 1)
    low, high = min(0.0, float(array.min())), max(0.0, float(array.max()))
    return Values(low, high, flat[::step], array.mean(axis=axes), array.max(axis=axes))


def _joined(rows: list[Values], counts: list[int]) -> Values:
    return Values(
        min(row.low for row in rows),
        max(row.high for row in rows),
        np.concatenate([row.samples for row in rows]),
        np.average([row.means for row in rows], axis=0, weights=counts),
        np.max([row.highs for row in rows], axis=0),
    )


def _of_pixels(
    plan: Plan, images: NDArray[np.generic], found: Mapping[str, Values]
) -> dict[str, Values]:
    """Return the statistics of values that only pixels determine, from 0 to the largest one."""
    early = [name for name in _before_layers(plan.graph) if name in found]
    largest = 255 if images.dtype == np.uint8 else 1
    ends = np.stack([np.full(images.shape[1:], n, images.dtype) for n in (0, largest)])
    values = evaluate(plan.graph, {INPUT: ends}, early)
    rows = {}
    for name, array in values.items():
        known, row = found[name], _of(name, array)
        low, high = min(known.low, row.low), max(known.high, row.high)
        rows[name] = replace(known, low=low, high=high)
    return rows


def _before_layers(graph: Graph) -> list[str]:
    """Return the values that no layer has a part in, the input first."""
    names = {INPUT, *graph.tensors}
    found = [INPUT]
    for node in graph.nodes:
        if node.operator not in LAYERS and names.issuperset(filter(None, node.inputs)):
            names.update(node.outputs)
            found += node.outputs
    return found
