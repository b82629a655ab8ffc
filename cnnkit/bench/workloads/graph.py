"""A whole network as a graph: raw pixels in; logits, probabilities and labels out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnnkit.bench.workloads.base import Float64, Workload
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.costs import costs
from cnnkit.graph.graph import Graph
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array, TensorType

TOLERANCE = 5e-6  # of the largest logit: more than float32's own error in deep networks


@dataclass(frozen=True, kw_only=True)
class GraphWorkload(Workload):
    """A network on raw pixels, x uint8 [N, C, H, W]; every peer scales them itself.

    Attributes:
        graph: with the contract's input and outputs, for any number of images.
    """

    graph: Graph

    @cached_property
    def fixed(self) -> Graph:
        """The graph for this number of images."""
        ((name, images),) = self.graph.inputs.items()
        inputs = {name: TensorType(images.dtype, self.x.shape)}
        return Graph(inputs, self.graph.nodes, self.graph.outputs, self.graph.tensors)

    @cached_property
    def reference(self) -> Float64:
        """The logits [N, K] in float64."""
        (name,) = self.graph.inputs
        return np.asarray(
            evaluate(self.graph, {name: self.x}, (LOGITS,), reproducible=False)[LOGITS], np.float64
        )

    @property
    def output_shape(self) -> tuple[int, ...]:
        """[N, K]."""
        return self.reference.shape

    @cached_property
    def flop(self) -> int:
        """Nominal FLOP of one call: 2 for each multiply-add."""
        return 2 * self.batch * sum(cost.macc for cost in costs(self.graph))

    @cached_property
    def bytes(self) -> int:
        """Bytes of input, weights and logits, once."""
        weights = sum(array.nbytes for array in self.graph.tensors.values())
        return int(self.x.nbytes + weights + 4 * self.reference.size)


def graph_work(name: str, graph: Graph, images: Array, about: str) -> GraphWorkload:
    """Return a network on images, uint8 [N, C, H, W], as a workload."""
    return GraphWorkload(name, images, (), None, TOLERANCE, about, graph=graph)
