"""Well-known small networks as graphs: `build_network("resnet8", (3, 32, 32), 10, seed=0)`."""

from __future__ import annotations

from collections.abc import Callable

from cnnkit.errors import InputError
from cnnkit.graph.builder import Builder
from cnnkit.graph.graph import Graph
from cnnkit.graph.names import WELL_KNOWN

Size = tuple[int, int, int]


def lenet5(net: Builder, classes: int) -> Graph:
    """LeNet-5 (LeCun et al. 1998) as it is trained today: ReLU, max-pools, a dense last layer."""
    x = net.max_pool(net.relu(net.conv(net.pixels, "conv1", 6, 5)), "pool1")
    x = net.max_pool(net.relu(net.conv(x, "conv2", 16, 5, padded=False)), "pool2")
    x = net.relu(net.dense(x, "dense1", 120))
    x = net.relu(net.dense(x, "dense2", 84))
    return net.classifier(x, classes)


def mnist_example(net: Builder, classes: int) -> Graph:
    """PyTorch's example for MNIST: two convolutions, two linear layers, dropout before each."""
    x = net.relu(net.conv(net.pixels, "conv1", 32, 3, padded=False))
    x = net.max_pool(net.relu(net.conv(x, "conv2", 64, 3, padded=False)), "pool")
    x = net.relu(net.dense(net.dropout(x, "dropout1", 0.25), "dense", 128))
    return net.classifier(net.dropout(x, "dropout2", 0.5), classes)


def resnet8(net: Builder, classes: int) -> Graph:
    """MLPerf Tiny's ResNet-8 (He et al. 2016): three residual blocks of 16, 32, 64 channels."""
    x = net.unit(net.pixels, "stem", 16, 3)
    for index, channels in enumerate((16, 32, 64), 1):
        stride = 1 if index == 1 else 2
        y = net.unit(x, f"block{index}.1", channels, 3, stride=stride)
        y = net.conv(y, f"block{index}.2.conv", channels, 3, bias=False)
        y = net.norm(y, f"block{index}.2.norm")
        short = x if index == 1 else net.conv(x, f"block{index}.short", channels, 1, stride)
        x = net.relu(net.add("Add", f"block{index}.sum", [y, short]))
    return net.classifier(net.add("GlobalAveragePool", "average", [x]), classes)


def ds_cnn(net: Builder, classes: int) -> Graph:
    """MLPerf Tiny's DS-CNN (Zhang et al. 2017): a 10x4 kernel, four depthwise separable layers."""
    x = net.conv(net.pixels, "stem.conv", 64, (10, 4), 2, bias=False)
    x = net.relu(net.norm(x, "stem.norm"))
    for index in range(1, 5):
        x = separable(net, x, f"layer{index}", 64)
    return net.classifier(net.add("GlobalAveragePool", "average", [x]), classes)


def mobilenet_v1_025(net: Builder, classes: int) -> Graph:
    """MobileNetV1 (Howard et al. 2017) with a quarter of its channels, as MLPerf Tiny has it."""
    x = net.unit(net.pixels, "stem", 8, 3, stride=2)
    layers = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5)
    for index, (channels, stride) in enumerate((*layers, (256, 2), (256, 1)), 1):
        x = separable(net, x, f"layer{index}", channels, stride)
    return net.classifier(net.add("GlobalAveragePool", "average", [x]), classes)


def vgg_mini(net: Builder, classes: int) -> Graph:
    """Six 3x3 convolutions in the manner of VGG (Simonyan and Zisserman 2015)."""
    x = net.pixels
    for index, channels in enumerate((32, 64, 128), 1):
        x = net.unit(x, f"block{index}.1", channels, 3)
        x = net.max_pool(net.unit(x, f"block{index}.2", channels, 3), f"pool{index}")
    return net.classifier(x, classes)


def separable(net: Builder, x: str, name: str, channels: int, stride: int = 1) -> str:
    """Add a depthwise 3x3 and a pointwise convolution, each normalised and with ReLU."""
    depth = net.shapes[x][0]
    x = net.unit(x, f"{name}.depthwise", depth, 3, stride=stride, group=depth)
    return net.unit(x, f"{name}.pointwise", channels, 1)


BUILDERS: tuple[Callable[[Builder, int], Graph], ...] = (
    lenet5,
    mnist_example,
    resnet8,
    ds_cnn,
    mobilenet_v1_025,
    vgg_mini,
)
NETWORKS = dict(zip(WELL_KNOWN, BUILDERS, strict=True))


def build_network(name: str, size: Size, classes: int, seed: int = 0) -> Graph:
    """Return a network with drawn parameters; uint8 images in, the contract's outputs out.

    Args:
        name: a key of NETWORKS.
        size: C, H, W of the images.
        classes: the number of outputs.
        seed: determines the parameters.

    Raises:
        InputError: the name is unknown, or the images are too small for the network.
    """
    if name not in NETWORKS:
        raise InputError(name, "is not a known network", f"use one of {', '.join(NETWORKS)}")
    try:
        return NETWORKS[name](Builder(size, seed), classes)
    except InputError as error:
        raise InputError(
            name,
            f"does not fit images of {size[1]}x{size[2]} ({error.subject}: {error.reason})",
            "use larger images or another network",
        ) from error
