"""cnnkit's engines for convnets, as rows of the table in `cnnkit.runtimes.native`."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import match
from cnnkit.graph.convnet_match import REMEDY
from cnnkit.graph.graph import Graph
from cnnkit.graph.normalisation import Normalisation, take_off

PROBLEM = "cnnkit's engine cannot run"  # a node of another network
PUBLISHED = Architecture()
# Networks in colour whose blocks have many channels are run step by step, by faster convolutions:
# 1.1 to 1.4 times as fast on AVX-512, 1.1 to 1.3 times on AVX2. AMX's are in this engine alone.
STEPWISE_ISAS = ("avx512", "avx2")
MANY_CHANNELS = 32  # inputs of a block
MUCH = 1 / 3  # the share of the products that such blocks make


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


class Normalised:
    """A network of the family behind the normalisation of its pixels."""

    def __init__(self, normalisation: Normalisation, network: _core.Network) -> None:
        self.normalisation, self.network = normalisation, network

    def __call__(self, images: Any, threads: int = 1, out: Any = None) -> tuple[Any, Any, Any]:
        """Return logits, probabilities and labels of raw pixels, or of float32 from 0 to 1."""
        if images.dtype in (np.uint8, np.float32):  # the network refuses others
            images = self.normalisation.of_pixels(images)
        return self.network(images, threads, out)


def open_normalised(graph: Graph, source: object) -> Normalised:
    """Open the engine of a network of the family that normalises its pixels.

    Raises:
        InputError: as `open_convnet`; for a network that does not normalise them, too.
    """
    normalisation, rest = take_off(graph)
    network = open_convnet(rest, source)
    if normalisation is None:
        raise InputError(source, "does not normalise its pixels", REMEDY)
    return Normalised(normalisation, network)


def faster_stepwise(architecture: Architecture) -> bool:
    """Return whether the engine for any graph is faster on a network of the family."""
    if _core.isa() not in STEPWISE_ISAS or architecture.input[0] == 1:
        return False
    channels, total, wide = architecture.input[0], 0, 0
    shapes = architecture.feature_shapes()[1:]
    for block, (_, height, width) in zip(architecture.blocks, shapes, strict=True):
        pixels = height * width * block.pool**2
        products = channels * block.channels * block.kernel**2 * pixels
        total += products
        wide += products if channels >= MANY_CHANNELS else 0
        channels = block.channels
    return wide >= MUCH * total


def open_convnet(graph: Graph, source: object) -> _core.Network:
    """Open the engine that the extension chooses for a network of the family.

    Raises:
        InputError: a node has no place in it, which is named, the sizes are beyond the engine's, or
            the engine for any graph is faster.
    """
    architecture, tensors = match(graph, source, PROBLEM)
    if faster_stepwise(architecture):
        raise InputError(source, "is faster step by step", REMEDY)
    try:
        return _core.Network(architecture.join(tensors), None, architecture.sizes)
    except InputError as error:
        sizes = f"{error.subject} {error.reason}"
        raise InputError(source, f"has sizes that {PROBLEM} ({sizes})", REMEDY) from error
