"""Nine small networks that are often measured, with random weights: `zoo_suite(None)`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.graph import graph_work
from cnnkit.graph.builder import Builder
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import for_inference
from cnnkit.graph.networks import NETWORKS, Size

BATCHES = (1, 16)
LARGEST = 100 * 100  # pixels of images that come in batches, too
# Builders draw weights as PyTorch does, with which the values of deep networks vanish layer by
# layer; this many times larger, ReLU keeps their size (He et al. 2015).
GAIN = math.sqrt(6.0)


def mnist_example(net: Builder, classes: int) -> Graph:
    """Build the network of PyTorch's MNIST example without what it drops in training."""
    return for_inference(NETWORKS["mnist-example"](net, classes))


def squeezenet(net: Builder, classes: int) -> Graph:
    """SqueezeNet 1.1 (Iandola et al. 2016)."""
    x = net.relu(net.conv(net.pixels, "stem", 64, 3, stride=2, padded=False))
    fires = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
    for index, (narrow, wide) in enumerate(fires):
        if index in (0, 2, 4):
            x = net.max_pool(x, f"pool{index}", 3, 2)
        x = net.relu(net.conv(x, f"fire{index}.squeeze", narrow, 1))
        parts = [net.relu(net.conv(x, f"fire{index}.expand{side}", wide, side)) for side in (1, 3)]
        x = net.add("Concat", f"fire{index}", parts, axis=1)
    x = net.relu(net.conv(x, "classifier", classes, 1))
    net.add("Flatten", LOGITS, [net.add("GlobalAveragePool", "average", [x])])
    return net.with_heads()


def mobilenet_v2(net: Builder, classes: int) -> Graph:
    """MobileNetV2 (Sandler et al. 2018)."""
    x = unit6(net, net.pixels, "stem", 32, 3, stride=2)
    early = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2))
    layers = (*early, (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for stage, (wider, channels, count, stride) in enumerate(layers):
        for index in range(count):
            name, before = f"block{stage}.{index}", net.shapes[x][0]
            y = unit6(net, x, f"{name}.expand", wider * before, 1) if wider > 1 else x
            depth = net.shapes[y][0]
            step = stride if index == 0 else 1
            y = unit6(net, y, f"{name}.depthwise", depth, 3, stride=step, group=depth)
            y = net.norm(net.conv(y, f"{name}.conv", channels, 1, bias=False), f"{name}.norm")
            x = y if index == 0 else net.add("Add", name, [x, y])
    x = unit6(net, x, "last", 1280, 1)
    return net.classifier(net.add("GlobalAveragePool", "average", [x]), classes)


def unit6(
    net: Builder, x: str, name: str, channels: int, kernel: int, stride: int = 1, group: int = 1
) -> str:
    """Convolve without a bias, normalise, clip to [0, 6]."""
    y = net.conv(x, f"{name}.conv", channels, kernel, stride, group, bias=False)
    limits = {"low": 0.0, "high": 6.0}
    net.tensors |= {key: np.array(value, np.float32) for key, value in limits.items()}
    return net.add("Clip", f"{name}.relu6", [net.norm(y, f"{name}.norm"), *limits])


def resnet18(net: Builder, classes: int) -> Graph:
    """ResNet-18 (He et al. 2016)."""
    x = net.max_pool(net.unit(net.pixels, "stem", 64, 7, stride=2), "pool", 3, 2, padded=True)
    for stage, channels in enumerate((64, 128, 256, 512)):
        for index in range(2):
            name, step = f"block{stage}.{index}", 2 if stage and not index else 1
            y = net.unit(x, f"{name}.1", channels, 3, stride=step)
            y = net.norm(net.conv(y, f"{name}.2.conv", channels, 3, bias=False), f"{name}.2.norm")
            if step > 1:
                x = net.conv(x, f"{name}.short.conv", channels, 1, step, bias=False)
                x = net.norm(x, f"{name}.short.norm")
            x = net.relu(net.add("Add", name, [x, y]))
    return net.classifier(net.add("GlobalAveragePool", "average", [x]), classes)


Network = Callable[[Builder, int], Graph]
ZOO: dict[str, tuple[Network, Size, int]] = {
    "lenet5": (NETWORKS["lenet5"], (1, 28, 28), 10),
    "mnist-example": (mnist_example, (1, 28, 28), 10),
    "resnet8": (NETWORKS["resnet8"], (3, 32, 32), 10),
    "ds-cnn": (NETWORKS["ds-cnn"], (1, 49, 10), 12),
    "mobilenet-v1-025": (NETWORKS["mobilenet-v1-025"], (3, 96, 96), 2),
    "vgg-mini": (NETWORKS["vgg-mini"], (3, 32, 32), 10),
    "squeezenet1.1": (squeezenet, (3, 224, 224), 1000),
    "mobilenet-v2": (mobilenet_v2, (3, 224, 224), 1000),
    "resnet18": (resnet18, (3, 224, 224), 1000),
}


def zoo_network(name: str, seed: int = 0) -> Graph:
    """Return a row of ZOO with random weights that keep values as large as they come."""
    build, size, classes = ZOO[name]
    graph = build(Builder(size, seed), classes)
    tensors = {
        key: array * np.float32(GAIN) if array.ndim > 1 else array
        for key, array in graph.tensors.items()
    }
    return Graph(graph.inputs, graph.nodes, graph.outputs, tensors)


def zoo_suite(batch: int | None) -> list[Workload]:
    """Return all networks with 1 and 16 images, the large ones with 1."""
    works: list[Workload] = []
    for name, (_, size, _) in ZOO.items():
        batches = BATCHES if size[1] * size[2] < LARGEST else BATCHES[:1]
        graph = zoo_network(name)
        for count in batches if batch is None else (batch,):
            images = np.random.default_rng(0).integers(0, 256, (count, *size), np.uint8)
            works.append(graph_work(name, graph, images, "random weights and images"))
    return works
