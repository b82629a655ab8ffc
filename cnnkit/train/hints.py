"""What a person may want to know before a training starts: `hints(config, graph, images)`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import match
from cnnkit.graph.graph import Graph
from cnnkit.train.config import TrainConfig

FAR_ENOUGH = 1.0  # learning rate times steps; MNIST's default is 11, where 30 epochs suffice


def hints(config: TrainConfig, graph: Graph, images: int) -> Iterator[str]:
    """Yield a sentence for each setting that is allowed and seldom meant."""
    for hint in (slow_learning(config, images), slow_shape(config, graph)):
        if hint:
            yield hint


def slow_learning(config: TrainConfig, images: int) -> str:
    """Return a hint if the defaults, made for 60,000 images, hardly train on so few; else nothing.

    Adam moves a weight by about the learning rate in a step (Kingma and Ba 2015, section 2.1).
    """
    usual = TrainConfig()
    if (config.learning_rate, config.epochs) != (usual.learning_rate, usual.epochs):
        return ""
    steps = math.ceil(images / config.batch_size) * config.epochs
    if steps * config.learning_rate >= FAR_ENOUGH:
        return ""
    return (
        f"{steps:,} steps at the default learning rate of {config.learning_rate:g} may train too "
        "little: try `--lr 1e-3`, and more --epochs"
    )


def slow_shape(config: TrainConfig, graph: Graph) -> str:
    """Return a hint if the images have an engine of their own and the network does not; or nothing.

    Measured on one core with AVX-512, per image of a step: 5 µs for the published network, 16 with
    a pool of 3, 49 to 240 with kernels from 4 to 11. All other sizes take what their products do.
    """
    published = Architecture()
    try:
        architecture = match(graph).architecture
    except InputError:  # another kind of network
        return ""
    same_images = (architecture.input, architecture.classes) == (published.input, published.classes)
    if config.engine != "native" or not same_images or architecture == published:
        return ""
    usual = TrainConfig()
    return (
        "this network trains several times as slowly as the published one, which alone has an "
        "engine of its own (10 times with kernels of 4, 50 with 11): "
        f"`--channels {','.join(map(str, usual.channels))} --kernel {usual.kernel} "
        f"--pool {usual.pool}`"
    )
