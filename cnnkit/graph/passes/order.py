"""The order of the passes: `simplify(graph)` applies all that leave ONNX's operators."""

from __future__ import annotations

from cnnkit.graph.graph import Graph
from cnnkit.graph.passes.batch_norm import fold_batch_norm
from cnnkit.graph.passes.constants import fold_constants
from cnnkit.graph.passes.no_ops import cancel_transposes, drop_no_ops
from cnnkit.graph.passes.rewriting import drop_unused


def simplify(graph: Graph) -> Graph:
    """Return the same network with fewer nodes, all of them ONNX's."""
    return drop_unused(fold_batch_norm(drop_no_ops(cancel_transposes(idle_free(graph)))))


def idle_free(graph: Graph) -> Graph:
    """Return a graph without what is constant in it or does nothing at inference."""
    return drop_no_ops(drop_unused(fold_constants(graph)))
