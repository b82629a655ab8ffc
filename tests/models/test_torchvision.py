"""Networks of torchvision are read with proof, and cnnkit's engine computes what they compute."""

from __future__ import annotations

import numpy as np
import pytest

from cnnkit.data.drawn import drawn_images
from cnnkit.models.read import read_model
from cnnkit.models.said import Said
from cnnkit.runtimes.native import network
from cnnkit.verify.reference import of_graph

SIZE = (3, 32, 32)


# Channels that are shuffled, gates and hard activations, depthwise layers of 3x3 and 5x5.
@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mobilenet_v3_small", "mnasnet0_5"])
def test_a_network_of_torchvision_gives_its_own_logits(name: str) -> None:
    weights = read_model(f"torchvision:{name}", Said(size=SIZE)).weights
    images = drawn_images(SIZE, 2)
    reference = of_graph(weights, images)
    assert reference.limit is not None
    error = np.abs(network(weights.graph)(images).logits - reference.logits).max()
    assert error <= reference.limit
