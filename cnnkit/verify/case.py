"""A difference to be explained: `Case`; what makes its network wrong are trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.convnet import INPUT, LOGITS, with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.passes.inputs import split_input
from cnnkit.graph.pixels import PixelInput
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array
from cnnkit.graph.weights import Weights
from cnnkit.graph.work import multiply_adds

# A way to be wrong, and what gives the logits of the first images then.
Trial = tuple[str, Callable[[int], Array]]
PART = 32  # images at once, which bounds the memory of the activations


@dataclass(frozen=True, eq=False)
class Case:
    """Two networks that differ.

    Attributes:
        weights: one of them, as a graph.
        images: uint8 [N, C, H, W].
        logits: its own [N, K].
        found: the other's.
        limit: the largest difference that rounding explains.
        pictures: the same pictures fitted in other ways, by what the way is.
    """

    weights: Weights
    images: NDArray[np.uint8]
    logits: Array
    found: Array
    limit: float
    pictures: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    @cached_property
    def graph(self) -> Graph:
        """The network with raw pixels and the contract's outputs."""
        return with_contract(self.weights.graph, "uint8")

    @cached_property
    def split(self) -> tuple[PixelInput, Graph]:
        """What the network does to raw pixels, and the rest."""
        return split_input(self.graph)

    @property
    def work(self) -> int:
        """Multiply-adds for one image."""
        return multiply_adds(self.weights.graph)

    def of_images(self, images: NDArray[np.uint8]) -> Array:
        """Return the network's logits for other raw images."""
        return logits_of(self.graph, images)

    def with_tensors(self, tensors: Mapping[str, Array], count: int) -> Array:
        """Return logits of the first images with other parameters."""
        graph = replace(self.graph, tensors={**self.graph.tensors, **tensors})
        return logits_of(graph, self.images[:count])


def logits_of(graph: Graph, images: Array) -> Array:
    """Return a graph's logits in float64."""
    parts = [
        evaluate(graph, {INPUT: images[at : at + PART]}, [LOGITS], reproducible=False)[LOGITS]
        for at in range(0, len(images), PART)
    ]
    return np.concatenate(parts)
