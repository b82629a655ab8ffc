"""A network in cnnkit's own engines, without PyTorch: `network(graph)(images).label`."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol

from cnnkit.errors import InputError
from cnnkit.graph import passes, quantised
from cnnkit.graph.convnet_match import OPERATORS
from cnnkit.graph.graph import Graph
from cnnkit.runtimes.convnet import open_convnet, open_normalised, open_published
from cnnkit.runtimes.prediction import Prediction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


FLOAT = "float32"  # what most engines compute with
SLOW = "reference in NumPy, slow"


class Engine(Protocol):
    """A network that is ready to run, from any thread."""

    def __call__(self, images: Any, threads: int = 1, out: Any = None) -> tuple[Any, Any, Any]:
        """Return logits, probabilities and labels; `out` is an earlier result to overwrite."""


def _open_program(graph: Graph, source: object) -> Engine:
    """Open the engine for any graph, whose code is loaded for a network that needs it."""
    from cnnkit.runtimes.program import open_program

    return open_program(graph, source)


def _open_integers(graph: Graph, source: object) -> Engine:
    """Open the engine for quantised graphs, likewise."""
    from cnnkit.runtimes.integers import open_integers

    return open_integers(graph, source)


# Best first. Each opens a graph, or declines it with an InputError about the source of the graph,
# which is given to it; where all decline, the last one's is raised.
ENGINES: dict[str, Callable[[Graph, object], Engine]] = {
    "mnist": open_published,
    "convnet": open_convnet,
    "normalised": open_normalised,
    "integers": _open_integers,
    "program": _open_program,
}


def open_engine(graph: Graph, source: object = "the network") -> Engine:
    """Open the first engine that takes a network.

    Args:
        graph: the network.
        source: the file that errors shall name.

    Raises:
        InputError: none takes it; the node that is in the way is named.
    """
    graph = prepare(graph)
    declined: InputError | None = None
    for open_one in ENGINES.values():
        try:
            return open_one(graph, source)
        except InputError as error:
            declined = error
    assert declined  # the table has rows
    raise declined


def engine_name(engine: object) -> str:
    """Return what an engine computes with, for people."""
    name: str = getattr(engine, "name", "")
    if name:
        return name
    return SLOW if isinstance(engine, FunctionType) else FLOAT


def prepare(graph: Graph) -> Graph:
    """Return what the passes make of a graph; they leave one of the family alone anyway."""
    known = graph.tensors.keys()
    if any(n.operator == "DequantizeLinear" for n in graph.nodes):
        return quantised.to_integers(graph)
    if all(n.operator in OPERATORS and not known >= set(n.inputs) for n in graph.nodes):
        return graph
    return passes.simplify(graph)


def network(graph: Graph, threads: int = 1) -> Callable[[NDArray[np.uint8]], Prediction]:
    """Return a function of images, uint8 [N, C, H, W], in cnnkit's own engine."""
    engine = open_engine(graph)
    return lambda images: Prediction(*engine(images, threads))
