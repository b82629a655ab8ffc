"""Which engine runs a network: its own where the instruction set has one, else the convnets'."""

from __future__ import annotations

import numpy as np
import pytest

from cnnkit import _core, ops
from cnnkit.bench.measure.native_flop import VECTOR_ISAS
from cnnkit.graph.architecture import Architecture, Block

ISAS = ops.available_isas()
PUBLISHED = Architecture()


def engine(isa: str, architecture: Architecture) -> str:
    parameters = architecture.join(architecture.initial_parameters(0))
    return _core.Network(parameters, isa, architecture.sizes).engine


@pytest.mark.parametrize("isa", ISAS)
def test_the_published_network_has_an_engine_where_vectors_pay(isa: str) -> None:
    expected = "mnist" if isa in VECTOR_ISAS else "convnet"
    assert engine(isa, PUBLISHED) == expected
    assert _core.Network(np.zeros(2710, np.float32), isa).engine == expected


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "other",
    [
        Architecture(classes=11),
        Architecture(input=(3, 28, 28)),
        Architecture(input=(1, 28, 32)),
        Architecture(blocks=(Block(16),)),
        Architecture(blocks=(Block(16), Block(8))),
        Architecture(blocks=(Block(16), Block(4), Block(4))),
        Architecture(blocks=(Block(16, kernel=5), Block(4))),
    ],
)
def test_the_published_engine_declines_every_other_network(isa: str, other: Architecture) -> None:
    assert engine(isa, other) == "convnet"
