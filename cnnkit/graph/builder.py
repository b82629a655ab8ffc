"""Build graphs layer by layer: `net = Builder((3, 32, 32)); x = net.conv(net.pixels, 16, 3)`.

Parameters are drawn as PyTorch draws them by default, but by NumPy's PCG64, so that every engine
starts from the same values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import INPUT, LOGITS, OUTPUTS, heads
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import Array, TensorType

EPSILON = float(np.float32(1e-5))  # as files have it


class Builder:
    """A graph under construction; each method adds a layer and returns its output's name.

    Args:
        size: C, H, W of an image, uint8; its pixels are scaled to [0, 1] as `pixels`.
        seed: determines the initial parameters.
    """

    def __init__(self, size: tuple[int, int, int], seed: int = 0) -> None:
        self.size = size
        self.random = np.random.default_rng([seed, 0])
        self.tensors: dict[str, Array] = {"pixel_scale": np.array(PIXEL_SCALE)}
        self.nodes: list[Node] = []
        self.shapes: dict[str, tuple[int, ...]] = {INPUT: size}
        raw = self.add("Cast", "raw", [INPUT], to="float32")
        self.pixels = self.add("Mul", "pixels", [raw, "pixel_scale"])

    def add(self, operator: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node with one output of that name."""
        self.nodes.append(Node(operator, tuple(inputs), (name,), attributes, name))
        graph = self._graph((name,))
        self.shapes[name] = tuple(int(s) for s in infer_types(graph)[name].shape[1:])
        return name

    def conv(
        self,
        x: str,
        name: str,
        channels: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        group: int = 1,
        bias: bool = True,
        padded: bool = True,
    ) -> str:
        """Convolve, padded so that ceil(size / stride) is left of each side, or not padded.

        Where that is odd, there is more of it behind, as in TensorFlow's SAME.
        """
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        into, *plane = self.shapes[x]
        around = [
            max((-(-size // stride) - 1) * stride + side - size, 0)
            for size, side in zip(plane, sides, strict=True)
            if padded
        ] or [0, 0]
        pads = [pad // 2 for pad in around] + [pad - pad // 2 for pad in around]
        shape = (channels, into // group, *sides)
        parameters = self._drawn(name, shape, math.prod(shape[1:]), bias)
        settings = {"strides": (stride, stride), "pads": tuple(pads), "group": group}
        return self.add("Conv", name, [x, *parameters], kernel_shape=sides, **settings)

    def norm(self, x: str, name: str) -> str:
        """Normalise each channel over a batch, in inference by its running statistics."""
        channels = self.shapes[x][0]
        names = [f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        for key, value in zip(names, (1, 0, 0, 1), strict=True):
            self.tensors[key] = np.full(channels, value, np.float32)
        return self.add("BatchNormalization", name, [x, *names], epsilon=EPSILON)

    def relu(self, x: str) -> str:
        """Return max(x, 0)."""
        return self.add("Relu", f"{x}.relu", [x])

    def unit(self, x: str, name: str, channels: int, kernel: int, **settings: Any) -> str:
        """Convolve without a bias, normalise, ReLU."""
        y = self.conv(x, f"{name}.conv", channels, kernel, bias=False, **settings)
        return self.relu(self.norm(y, f"{name}.norm"))

    def max_pool(
        self, x: str, name: str, side: int = 2, stride: int | None = None, padded: bool = False
    ) -> str:
        """Take the largest of each square; `stride` is its side where none is given."""
        step = side if stride is None else stride
        pads = {"pads": (side // 2,) * 4} if padded else {}
        square = {"kernel_shape": (side, side), "strides": (step, step)}
        return self.add("MaxPool", name, [x], **square, **pads)

    def dropout(self, x: str, name: str, share: float) -> str:
        """Drop a share of the values in training."""
        self.tensors[f"{name}.ratio"] = np.array(share, np.float32)
        return self.add("Dropout", name, [x, f"{name}.ratio"])

    def dense(self, x: str, name: str, features: int) -> str:
        """Multiply what is flattened by a matrix, and add a bias."""
        if len(self.shapes[x]) > 1:
            x = self.add("Flatten", f"{x}.flat", [x])
        inputs = self.shapes[x][0]
        parameters = self._drawn("linear" if name == LOGITS else name, (features, inputs), inputs)
        return self.add("Gemm", name, [x, *parameters], transB=1)

    def classifier(self, x: str, classes: int) -> Graph:
        """Return the graph with the contract's outputs, computed from features x."""
        self.dense(x, LOGITS, classes)
        return self.with_heads()

    def with_heads(self) -> Graph:
        """Return the graph with the contract's outputs; one of its values is called logits."""
        self.nodes += heads()
        return self._graph(OUTPUTS)

    def _drawn(
        self, name: str, shape: tuple[int, ...], fan_in: int, bias: bool = True
    ) -> list[str]:
        """Draw a weight, and a bias of as many entries as it has rows, from U(±1/√fan_in)."""
        bound = 1 / math.sqrt(fan_in)
        names = [f"{name}.weight", f"{name}.bias"][: 2 if bias else 1]
        for key, size in zip(names, (shape, shape[:1]), strict=False):
            self.tensors[key] = self.random.uniform(-bound, bound, size).astype(np.float32)
        return names

    def _graph(self, outputs: tuple[str, ...]) -> Graph:
        images = TensorType("uint8", ("N", *self.size))
        return Graph({INPUT: images}, tuple(self.nodes), outputs, self.tensors)
