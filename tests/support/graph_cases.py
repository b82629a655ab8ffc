"""Small graphs that any reader, writer and runtime must get right: `for case in CASES`.

Each has what one network of the field brings: a residual, a depthwise convolution, a 10x4 kernel.
`tolerance` is the largest absolute difference from the float64 reference that float32 may have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.convnet import build
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.types import TensorType


@dataclass(frozen=True)
class Case:
    name: str
    graph: Graph
    tolerance: float = 1e-5

    def images(self, count: int, seed: int = 0) -> dict[str, NDArray[Any]]:
        """Return random inputs."""
        random = np.random.default_rng([seed, count])
        feeds = {}
        for name, type in self.graph.inputs.items():
            shape = [count if size == "N" else size for size in type.shape]
            pixels = random.integers(0, 256, shape)
            feeds[name] = (pixels if type.dtype == "uint8" else pixels / 255).astype(type.dtype)
        return feeds


class Net:
    """Builds a graph from its input on; each method adds a node and returns its output."""

    def __init__(self, *shape: int, dtype: str = "float32", seed: int = 0) -> None:
        self.input = TensorType(dtype, ("N", *shape))
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, NDArray[Any]] = {}
        self.nodes: list[Node] = []

    def tensor(self, array: Any, dtype: str = "float32") -> str:
        name = f"t{len(self.tensors)}"
        self.tensors[name] = np.asarray(array, dtype)
        return name

    def drawn(self, *shape: int, low: float = -0.3, high: float = 0.3) -> str:
        return self.tensor(self.random.uniform(low, high, shape))

    def __call__(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(Node(operator, inputs, (output,), attributes, output))
        return output

    def conv(
        self, x: str, into: int, out: int, *kernel: int, bias: bool = True, **more: Any
    ) -> str:
        sides = kernel if len(kernel) == 2 else kernel * 2
        weight = self.drawn(out, into // more.get("group", 1), *sides)
        parameters = [weight, self.drawn(out)] if bias else [weight]
        return self("Conv", x, *parameters, kernel_shape=sides, **more)

    def norm(self, x: str, channels: int) -> str:
        statistics = [self.drawn(channels, low=low, high=1) for low in (0.5, -1, -1, 0.2)]
        epsilon = float(np.float32(1e-5))  # as files have it
        return self("BatchNormalization", x, *statistics, epsilon=epsilon)

    def relu6(self, x: str) -> str:
        return self("Clip", x, self.tensor(0), self.tensor(6))

    def head(self, x: str, features: int, classes: int = 5) -> str:
        flat = self("Flatten", x)
        return self("Gemm", flat, self.drawn(classes, features), self.drawn(classes), transB=1)

    def graph(self, *outputs: str) -> Graph:
        return Graph({"x": self.input}, tuple(self.nodes), outputs, self.tensors)


SAME = (1, 1, 1, 1)


def resnet_block() -> Graph:
    net = Net(8, 9, 9)
    y = net("Relu", net.norm(net.conv("x", 8, 16, 3, strides=(2, 2), pads=SAME, bias=False), 16))
    y = net.norm(net.conv(y, 16, 16, 3, pads=SAME, bias=False), 16)
    short = net.norm(net.conv("x", 8, 16, 1, strides=(2, 2), bias=False), 16)
    y = net("Relu", net("Add", y, short))
    return net.graph(net.head(net("GlobalAveragePool", y), 16))


def inverted_residual() -> Graph:
    net = Net(6, 8, 8, seed=1)
    y = net.relu6(net.norm(net.conv("x", 6, 24, 1, bias=False), 24))
    y = net.relu6(net.norm(net.conv(y, 24, 24, 3, pads=SAME, group=24, bias=False), 24))
    y = net("Add", net.norm(net.conv(y, 24, 6, 1, bias=False), 6), "x")
    axes = net.tensor([-1, -2], "int64")
    return net.graph(net.head(net("ReduceMean", y, axes, keepdims=0), 6))


def separable() -> Graph:
    net = Net(1, 49, 10, seed=2)
    y = net.conv("x", 1, 8, 10, 4, strides=(2, 2), pads=(4, 1, 5, 2), bias=False)
    y = net("Relu", net.norm(y, 8))
    y = net("Relu", net.norm(net.conv(y, 8, 8, 3, pads=SAME, group=8), 8))
    y = net("Relu", net.norm(net.conv(y, 8, 12, 1), 12))
    y = net("AveragePool", y, kernel_shape=(25, 5), strides=(25, 5))
    return net.graph(net("Softmax", net.head(y, 12), axis=1))


def fire_module() -> Graph:
    net = Net(3, 13, 11, seed=3)
    y = net("Relu", net.conv("x", 3, 4, 3, strides=(2, 2)))
    y = net("MaxPool", y, kernel_shape=(3, 3), strides=(2, 2), ceil_mode=1)
    left, right = net("Relu", net.conv(y, 4, 5, 1)), net("Relu", net.conv(y, 4, 3, 3, pads=SAME))
    y = net("Dropout", net("Concat", left, right, axis=1))
    y = net("Relu", net.conv(y, 8, 7, 1))
    return net.graph(net("Softmax", net("Flatten", net("GlobalAveragePool", y))))


def multiplier_and_groups() -> Graph:
    net = Net(4, 9, 7, seed=4)
    y = net.conv("x", 4, 12, 3, group=4, pads=(0, 1, 2, 1), strides=(1, 2))
    y = net.conv(net("Relu", y), 12, 6, 3, 2, group=3, dilations=(2, 1))
    return net.graph(net.head(y, 6 * 5 * 3))


def padded_pools() -> Graph:
    net = Net(3, 10, 12, seed=5)
    y = net.conv("x", 3, 6, 3, pads=SAME)
    y = net("AveragePool", y, kernel_shape=(3, 3), pads=(1, 0, 1, 2), count_include_pad=1)
    y = net("AveragePool", y, kernel_shape=(3, 2), strides=(2, 2), pads=(1, 1, 1, 0))
    y = net("Relu", net("MaxPool", y, kernel_shape=(2, 3), pads=(0, 1, 1, 1), strides=(2, 1)))
    return net.graph(net("LogSoftmax", net.head(y, 6 * 3 * 6), axis=-1), y)


def normalised_pixels() -> Graph:
    net = Net(12, 10, 3, dtype="uint8", seed=6)
    y = net("Transpose", net("Cast", "x", to="float32"), perm=(0, 3, 1, 2))
    y = net("Mul", y, net.tensor(1 / 255, "float64"))
    y = net("Sub", y, net.tensor([[[0.485]], [[0.456]], [[0.406]]]))
    y = net("Div", y, net.tensor([[[0.229]], [[0.224]], [[0.225]]]))
    y = net("Pad", y, net.tensor([0, 0, 1, 1, 0, 0, 1, 1], "int64"))
    y = net("MaxPool", net("Relu", net.conv(y, 3, 6, 3)), kernel_shape=(2, 2), strides=(2, 2))
    y = net("Reshape", y, net.tensor([0, -1], "int64"))
    logits = net("Add", net("MatMul", y, net.drawn(180, 4)), net.drawn(4))
    return net.graph(logits, net("ArgMax", logits, axis=1, keepdims=0))


def moved_axes() -> Graph:
    net = Net(4, 6, 5, seed=7)
    y = net("Transpose", net("Transpose", "x", perm=(0, 2, 3, 1)), perm=(0, 3, 1, 2))
    y = net("Identity", net.conv(net.norm(y, 4), 4, 6, 3))
    y = net("Sum", y, net("Mul", y, net.drawn(6, 1, 1)), net.drawn(1, 6, 1, 1))
    y = net("ReduceMean", y, net.tensor([2, 3], "int64"))
    y = net("Squeeze", y, net.tensor([3, -2], "int64"))
    return net.graph(net("Clip", y, net.tensor(-0.5), net.tensor(0.5)))


def decoder() -> Graph:
    net = Net(4, 6, 5, seed=9)
    y = net("GroupNormalization", net.conv("x", 4, 6, 3), *[net.drawn(6)] * 2, num_groups=2)
    y = net("Resize", net("Gelu", y), "", net.tensor([2, 1.5]), axes=(2, 3), mode="linear")
    more = {"kernel_shape": (2, 3), "strides": (2, 2), "pads": (0, 1, 1, 0)}
    y = net("ConvTranspose", y, net.drawn(6, 4, 2, 3), net.drawn(4), **more)
    y = net("InstanceNormalization", y, *[net.drawn(4)] * 2)
    y = net("DepthToSpace", net("Max", y, net("Neg", y)), blocksize=2, mode="CRD")
    y = net("Gather", y, net.tensor([3, 0, -1], "int64"), axis=3)
    y = net("Where", net.tensor([True, False, True], "bool"), y, net("Exp", y))
    y = net("ReduceL2", y, net.tensor([-1], "int64"), keepdims=0)
    y = net("Pow", net("Flatten", net("Softplus", y)), net.tensor(1.5))
    return net.graph(net("LayerNormalization", y, net.drawn(30), net.drawn(30)))


def late_relu() -> Graph:
    """The published network with a node behind its logits that has no place in the family."""
    graph = convnet(Architecture())
    late = Node("Relu", ("logits",), ("probabilities",), {}, "late")
    nodes = [late if node.operator == "Softmax" else node for node in graph.nodes]
    return Graph(graph.inputs, tuple(nodes), graph.outputs, graph.tensors)


def lenet() -> Graph:
    net = Net(1, 28, 28, dtype="uint8", seed=8)
    y = net("Mul", net("Cast", "x", to="float32"), net.tensor(1 / 255, "float64"))
    for into, out in ((1, 6), (6, 16)):
        y = net("Relu", net.conv(y, into, out, 5, pads=(0, 0, 0, 0)))
        y = net("MaxPool", y, kernel_shape=(2, 2), strides=(2, 2))
    y = net("Relu", net.head(y, 256, 32))
    return net.graph(net("Gemm", y, net.drawn(32, 10), net.drawn(10)))


def convnet(architecture: Architecture, input: str = "uint8") -> Graph:
    return build(architecture, architecture.initial_parameters(3), input)


STACK = Architecture((3, 14, 18), (Block(4, 5, 2, 2), Block(6, 3, 0, 2)), 7)
CASES = (
    Case("the published network", convnet(Architecture())),
    Case("a convnet", convnet(STACK)),
    Case("a convnet of floats", convnet(STACK, "float32")),
    Case("LeNet-5", lenet()),
    Case("a ResNet block", resnet_block()),
    Case("an inverted residual", inverted_residual()),
    Case("DS-CNN's 10x4 kernel", separable()),
    Case("a fire module", fire_module()),
    Case("depth multiplier and groups", multiplier_and_groups()),
    Case("padded pools", padded_pools()),
    Case("normalised NHWC pixels", normalised_pixels()),
    Case("moved axes", moved_axes()),
    Case("a decoder with norms of its own", decoder()),
)
