"""A network that has every kind of layer that is quantised: `mixed_network()`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.builder import Builder
from cnnkit.graph.graph import Graph
from cnnkit.graph.networks import separable

SIZE = (3, 12, 10)


def mixed_network() -> Graph:
    """Return a network with a residual, odd numbers of channels, all pools, and a lone ReLU."""
    net = Builder(SIZE)
    x = net.unit(net.pixels, "stem", 10, 3, stride=2)
    y = net.norm(net.conv(x, "inner", 10, 3, bias=False), "inner.norm")
    x = net.relu(net.add("Add", "sum", [y, x]))
    x = separable(net, x, "separable", 20)
    left = net.conv(x, "both", 4, 1, group=2)  # goes on with and without its ReLU
    x = net.add("Concat", "joined", [x, net.relu(left), left], axis=1)
    x = net.relu(net.norm(net.max_pool(x, "pool"), "alone"))
    around = {"kernel_shape": (2, 2), "strides": (1, 1), "pads": (1, 1, 0, 0)}
    y = net.add("AveragePool", "smooth", [x], **around)
    y = net.add("GlobalAveragePool", "mean", [y])
    x = net.relu(net.dense(y, "dense", 7))
    return net.classifier(x, 5)


def images_of(count: int, seed: int = 2) -> NDArray[np.uint8]:
    """Return random images."""
    return np.random.default_rng(seed).integers(0, 256, (count, *SIZE), dtype=np.uint8)
