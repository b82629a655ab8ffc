"""A quantised network as a workload: cnnkit must have the oracle's bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cnnkit.bench.workloads.base import Float64
from cnnkit.bench.workloads.graph import GraphWorkload, graph_work
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised import to_integers
from cnnkit.graph.quantised.twin import in_float32
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array

# Of the largest logit: other runtimes round elsewhere, and float32 nowhere.
STEPS_AWAY = 0.25


@dataclass(frozen=True, kw_only=True)
class IntegerWorkload(GraphWorkload):
    """A network of QuantizeLinear and DequantizeLinear, or of operators on integers."""

    @cached_property
    def reference(self) -> Float64:
        """The logits [N, K] that the integers give."""
        graph = to_integers(self.graph)
        feed = {INPUT: self.x}
        found = evaluate(graph, feed, (LOGITS,), reproducible=False, dtype="float32")
        return np.asarray(found[LOGITS], np.float64)

    @property
    def peer_tolerance(self) -> float:
        """What other runtimes may be off."""
        return STEPS_AWAY


def network_work(name: str, graph: Graph, images: Array, about: str) -> GraphWorkload:
    """Return any network on images, uint8 [N, C, H, W], as a workload."""
    if any(node.operator == "QuantizeLinear" for node in graph.nodes):
        about = f"{about}; int8, compared with its own integers"
        return IntegerWorkload(name, images, (), None, 0.0, about, graph=graph)
    return graph_work(name, graph, images, about)


def twin_of(work: IntegerWorkload) -> GraphWorkload:
    """Return the same network with its numbers as float32, rounded nowhere."""
    return replace(work, graph=in_float32(work.graph))
