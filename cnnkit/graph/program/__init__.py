"""A graph as calls of a few kernels on one arena of floats: `lower(graph)`, for one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.graph.program.lowering import lower as lower
    from cnnkit.graph.program.lowering import lower_floats as lower_floats
    from cnnkit.graph.program.preparation import prepare as prepare
    from cnnkit.graph.program.steps import Program as Program
    from cnnkit.graph.program.steps import Step as Step

__all__ = ["Program", "Step", "lower", "lower_floats", "prepare"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Program": ".steps",
        "Step": ".steps",
        "lower": ".lowering",
        "lower_floats": ".lowering",
        "prepare": ".preparation",
    },
)
