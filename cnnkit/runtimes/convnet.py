"""cnnkit's engines for convnets, as rows of the table in `cnnkit.runtimes.native`."""

from __future__ import annotations

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import match
from cnnkit.graph.convnet_match import REMEDY
from cnnkit.graph.graph import Graph

PROBLEM = "cnnkit's engine cannot run"  # a node of another network
PUBLISHED = Architecture()


def open_published(graph: Graph, source: object) -> _core.Network:
    """Open the engine of the published network (`csrc/mnist/`).

    Raises:
        InputError: the network is another one, or the instruction set has no such engine.
    """
    if match(graph, source, PROBLEM).architecture != PUBLISHED:
        raise InputError(source, "is not the published network", REMEDY)
    network = open_convnet(graph, source)
    if network.engine != "mnist":
        raise InputError(source, "has no engine of its own on this processor", REMEDY)
    return network


def open_convnet(graph: Graph, source: object) -> _core.Network:
    """Open the engine that the extension chooses for a network of the family.

    Raises:
        InputError: a node has no place in it, which is named, or the sizes are beyond the engine's.
    """
    architecture, tensors = match(graph, source, PROBLEM)
    try:
        return _core.Network(architecture.join(tensors), None, architecture.sizes)
    except InputError as error:
        sizes = f"{error.subject} {error.reason}"
        raise InputError(source, f"has sizes that {PROBLEM} ({sizes})", REMEDY) from error
