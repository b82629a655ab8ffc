"""A graph as a list of layers that the native engine trains: `read_sequence(graph)`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.convnet_match import HEADS, REMEDY, image_size
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.learning import trains_only
from cnnkit.graph.normalisation import take_off
from cnnkit.graph.operators.windows import Window
from cnnkit.graph.passes.rewriting import consumers
from cnnkit.graph.shapes import infer_types

MOMENTUM = 0.1  # of running means and variances, PyTorch's default
MOST_TAPS = 255  # of a max-pool's window: a pixel's index in it is a byte
PROBLEM = "has no kernels in it"


class Layer(NamedTuple):
    """A layer as `csrc/training/plan.cpp` takes it: its kind, whole numbers and others."""

    kind: str
    sizes: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class Sequence:
    """A network without branches.

    Attributes:
        size: C, H, W of an image, uint8.
        classes: the number of scores.
        mean: of each channel of scaled pixels, subtracted; empty where they are not normalised.
        std: likewise, divided by after that.
        layers: from the pixels to the scores.
        parameters: the names of what is learnt, layer by layer.
        statistics: likewise of running means and variances.
    """

    size: tuple[int, int, int]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    layers: tuple[Layer, ...]
    parameters: tuple[str, ...]
    statistics: tuple[str, ...]


def read_sequence(graph: Graph, source: object = "the network") -> Sequence:
    """Return a graph of the contract as a list of layers.

    Raises:
        InputError: a node has no place in it; it is named with the reason.
    """
    size = image_size(graph, source)
    normalisation, plain = take_off(graph)
    mean, std = normalisation.numbers if normalisation else ((), ())
    walk = Walk(plain, source)
    walk.read()
    classes = math.prod(walk.shape)
    names = tuple(walk.parameters), tuple(walk.statistics)
    return Sequence(size, classes, mean, std, tuple(walk.layers), *names)


class Walk:
    """A position in a graph: the value that the layers up to here have computed."""

    def __init__(self, graph: Graph, source: object) -> None:
        self.graph, self.source = graph, source
        self.types, self.users = infer_types(graph), consumers(graph)
        ((self.value, _),) = graph.inputs.items()
        self.layers: list[Layer] = []
        self.parameters: list[str] = []
        self.statistics: list[str] = []

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's axes but the first."""
        return tuple(int(size) for size in self.types[self.value].shape[1:])

    def read(self) -> None:
        """Add the layers of all nodes from the scaled pixels to the logits."""
        for operator in ("Cast", "Mul"):
            node = self.next()
            self.need(node, node.operator == operator, "pixels should be scaled by 1/255 before it")
            self.value = node.outputs[0]
        pixels = self.shape[1:]  # of what a flattened value was before
        while self.value != LOGITS:
            node = self.next()
            self.need(node, node.operator in READERS, "it is not a layer of a sequence")
            self.need(node, node.inputs[0] == self.value, "its weights are computed")
            READERS[node.operator](self, node)
            self.value = node.outputs[0]
            if len(self.shape) == 3 or node.operator == "Gemm":
                pixels = self.shape[1:]
        if len(self.shape) != 1 or math.prod(pixels) != 1:
            raise InputError(self.source, "ends in pixels, not in scores [N, K]", REMEDY)
        for node in self.users.get(LOGITS, []):
            self.need(node, node.operator in HEADS, "it follows the logits")
        for name in {*self.parameters, *self.statistics}:
            uses = (*self.parameters, *self.statistics).count(name)
            self.need(self.users[name][0], uses == 1, f"{name} is another layer's as well")

    def next(self) -> Node:
        """Return the only node that takes the value."""
        nodes = self.users.get(self.value, [])
        if not nodes:
            raise InputError(self.source, "ends before its logits", REMEDY)
        self.need(nodes[-1], len(nodes) == 1, "it takes a value that another node takes as well")
        return nodes[0]

    def need(self, node: Node, good: bool, reason: str) -> None:
        """Raise InputError about a node unless `good`."""
        if not good:
            title = f"has the node {node.title}, which {PROBLEM}: {reason}"
            raise InputError(self.source, title, REMEDY)

    def learn(self, node: Node, inputs: range, to: list[str]) -> int:
        """Add a node's tensors float32 to those that are learnt, and return how many there are."""
        names = [node.inputs[i] for i in inputs if i < len(node.inputs) and node.inputs[i]]
        for name in names:
            tensor = self.graph.tensors.get(name)
            good = tensor is not None and tensor.dtype == np.float32
            self.need(node, good, f"{name} is not a constant of float32")
        to += names
        return len(names)

    def window(self, node: Node) -> tuple[int, ...]:
        """Return kernel, strides, padding above and to the left, and the output's rows, columns."""
        window = Window.of(node.attributes)
        self.need(node, len(window.kernel) == 2, "it has not two axes")
        self.need(node, set(window.dilations) == {1}, "it is dilated")
        before, out = window.pads[:2], self.types[node.outputs[0]].shape[2:]
        rows, columns = (int(size) for size in out)
        axes = zip(
            self.shape[1:], window.kernel, window.strides, before, (rows, columns), strict=True
        )
        inside = all(
            pad < side and (count - 1) * step - pad < size for size, side, step, pad, count in axes
        )
        self.need(node, inside, "some of its windows are nothing but padding")
        return (*window.kernel, *window.strides, *before, rows, columns)


def _conv(walk: Walk, node: Node) -> None:
    walk.need(node, node.attributes["group"] == 1, "its channels are in groups")
    channels = walk.types[node.outputs[0]].shape[1]
    window = walk.window(node)
    bias = walk.learn(node, range(1, 3), walk.parameters) == 2
    walk.layers.append(Layer("conv", (int(channels), *window, int(bias))))


def _gemm(walk: Walk, node: Node) -> None:
    given = node.attributes
    plain = (given["alpha"], given["beta"], given["transA"], given["transB"]) == (1.0, 1.0, 0, 1)
    walk.need(node, plain and len(walk.shape) == 1, "it is scaled or transposed")
    (outputs,) = walk.types[node.outputs[0]].shape[1:]
    bias = walk.learn(node, range(1, 3), walk.parameters) == 2
    if bias:
        right = walk.types[node.inputs[2]].shape == (outputs,)
        walk.need(node, right, f"its bias is not [{outputs}]")
    walk.layers.append(Layer("linear", (int(outputs), int(bias))))


def _norm(walk: Walk, node: Node) -> None:
    walk.need(node, len(walk.shape) == 3, "it normalises features, not channels of images")
    walk.learn(node, range(1, 3), walk.parameters)
    walk.learn(node, range(3, 5), walk.statistics)
    walk.layers.append(Layer("norm", (), (float(node.attributes["epsilon"]), MOMENTUM)))


def _max_pool(walk: Walk, node: Node) -> None:
    window = walk.window(node)
    taps = window[0] * window[1]
    walk.need(node, taps <= MOST_TAPS, f"its window has {taps} pixels, more than {MOST_TAPS}")
    walk.layers.append(Layer("max_pool", window))


def _average_pool(walk: Walk, node: Node) -> None:
    counts = int(node.attributes["count_include_pad"])
    after = Window.of(node.attributes).pads[2:]
    walk.layers.append(Layer("average_pool", (*walk.window(node), counts, *after)))


def _global_average_pool(walk: Walk, node: Node) -> None:
    sides = walk.shape[1:]
    walk.need(node, len(sides) == 2, "it has not two axes")
    walk.layers.append(Layer("average_pool", (*sides, 1, 1, 0, 0, 1, 1, 0, 0, 0)))


def _flatten(walk: Walk, node: Node) -> None:
    (features,) = walk.types[node.outputs[0]].shape[1:] or (0,)
    flat = features == math.prod(walk.shape)
    walk.need(node, flat, "it does not make [N, features] of an image's values")


def _relu(walk: Walk, node: Node) -> None:
    walk.layers.append(Layer("relu"))


def _dropout(walk: Walk, node: Node) -> None:
    if not trains_only(node):
        return
    ratio = walk.graph.tensors.get(node.inputs[1])
    walk.need(node, ratio is not None and ratio.size == 1, "its share is computed")
    assert ratio is not None
    number = sum(layer.kind == "dropout" for layer in walk.layers)
    walk.layers.append(Layer("dropout", (number,), (float(ratio.ravel()[0]),)))


READERS: dict[str, Callable[[Walk, Node], None]] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "BatchNormalization": _norm,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "Flatten": _flatten,
    "Reshape": _flatten,
    "Relu": _relu,
    "Dropout": _dropout,
    "Identity": lambda walk, node: None,
}
