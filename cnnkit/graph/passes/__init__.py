"""Passes: functions from a graph to a graph that computes the same, such as `simplify(graph)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.graph.passes.batch_norm import fold_batch_norm as fold_batch_norm
    from cnnkit.graph.passes.constants import fold_constants as fold_constants
    from cnnkit.graph.passes.forms import canonical as canonical
    from cnnkit.graph.passes.fusion import fuse_convolutions as fuse_convolutions
    from cnnkit.graph.passes.inputs import split_input as split_input
    from cnnkit.graph.passes.no_ops import cancel_transposes as cancel_transposes
    from cnnkit.graph.passes.no_ops import drop_no_ops as drop_no_ops
    from cnnkit.graph.passes.order import idle_free as idle_free
    from cnnkit.graph.passes.order import simplify as simplify
    from cnnkit.graph.passes.rewriting import drop_unused as drop_unused

__all__ = [
    "cancel_transposes",
    "canonical",
    "drop_no_ops",
    "drop_unused",
    "fold_batch_norm",
    "fold_constants",
    "fuse_convolutions",
    "idle_free",
    "simplify",
    "split_input",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "cancel_transposes": ".no_ops",
        "canonical": ".forms",
        "drop_no_ops": ".no_ops",
        "drop_unused": ".rewriting",
        "fold_batch_norm": ".batch_norm",
        "fold_constants": ".constants",
        "fuse_convolutions": ".fusion",
        "idle_free": ".order",
        "simplify": ".order",
        "split_input": ".inputs",
    },
)
