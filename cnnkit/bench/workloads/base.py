"""What is timed: one input through blocks of conv → ReLU → max-pool, and perhaps a linear head.

`Workload.answer` is the float64 truth that every peer's answer is held against before timing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.ops.reference import conv_relu_pool_ref

if TYPE_CHECKING:
    from cnnkit.bench.peers.registry import Peer

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """Conv2d → ReLU → MaxPool2d: weight [Cout, Cin, kernel rows, kernel columns], bias [Cout]."""

    weight: Float32
    bias: Float32 | None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    pool_kernel: Pair = (2, 2)
    pool_stride: Pair = (2, 2)
    pool_padding: Pair = (0, 0)
    precision: str = field(default="default", kw_only=True)  # of cnnkit's own answer

    @property
    def parameters(self) -> tuple[Pair, ...]:
        """What `conv_relu_pool` takes after x, weight and bias, in its order."""
        return self.stride, self.padding, self.pool_kernel, self.pool_stride, self.pool_padding

    def conv_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return the convolution's [N, C, H, W] for an input of `shape`."""
        kernel = self.weight.shape[2:]
        rows, columns = (
            (shape[2 + i] + 2 * self.padding[i] - kernel[i]) // self.stride[i] + 1 for i in (0, 1)
        )
        return shape[0], self.weight.shape[0], rows, columns

    def pool_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return the block's output shape [N, C, H, W] for an input of `shape`."""
        conv = self.conv_shape(shape)
        rows, columns = (
            (conv[2 + i] + 2 * self.pool_padding[i] - self.pool_kernel[i]) // self.pool_stride[i]
            + 1
            for i in (0, 1)
        )
        return conv[0], conv[1], rows, columns


@dataclass(frozen=True)
class Head:
    """Linear over the flattened features, then log-softmax: weight [K, F], bias [K]."""

    weight: Float32
    bias: Float32


class Part(NamedTuple):
    """One stage of cnnkit's work on a case: seconds and executed FLOP of an image."""

    name: str
    seconds: float
    executed_flop: float


@dataclass(frozen=True)
class Workload:
    """One case of the benchmark.

    Attributes:
        name: what tables call it.
        x: the input, float32 [N, C, H, W]; raw pixels uint8 where the workload says so.
        layers: one block or several.
        head: the classifier behind them; None for a block alone.
        tolerance: largest error allowed, as a share of the largest float64 output.
        data: where input and weights come from, in words.
    """

    name: str
    x: NDArray[Any]
    layers: tuple[Layer, ...]
    head: Head | None
    tolerance: float
    data: str

    @property
    def batch(self) -> int:
        """N, the images that are computed together."""
        return len(self.x)

    @property
    def images(self) -> int:
        """How many images a call takes: one batch."""
        return self.batch

    @property
    def flop(self) -> int:
        """Nominal FLOP of one call: direct convolution and the head, 2 a multiply-add."""
        head = 2 * len(self.x) * self.head.weight.size if self.head else 0
        return sum(self.layer_flop()) + head

    def layer_flop(self) -> list[int]:
        """Return each block's nominal FLOP of one call."""
        return [
            2 * math.prod(layer.conv_shape(shape)) * math.prod(layer.weight.shape[1:])
            for layer, shape in zip(self.layers, self.shapes(), strict=False)
        ]

    @property
    def bytes(self) -> int:
        """Bytes that any way to compute it must move at least: input, weights and output, once."""
        arrays = [self.x, *(a for layer in self.layers for a in (layer.weight, layer.bias))]
        arrays += [self.head.weight, self.head.bias] if self.head else []
        return sum(a.nbytes for a in arrays if a is not None) + 4 * math.prod(self.output_shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """[N, C, H, W] of the last block, or [N, K]."""
        if self.head:
            return self.batch, self.head.weight.shape[0]
        return list(self.shapes())[-1]

    @cached_property
    def answer(self) -> Float64:
        """The answer in float64, by the plainest algorithm."""
        features = self.features(self.x)
        if self.head is None:
            return features
        logits = self.logits(features)
        logits -= logits.max(1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))

    def features(self, x: NDArray[Any]) -> Float64:
        """Return what the last block gives for x, in float64 [N, C, H, W]."""
        for layer in self.layers:
            x = conv_relu_pool_ref(x, layer.weight, layer.bias, *layer.parameters)
        return x

    def logits(self, features: Float64) -> Float64:
        """Return the head's scores in float64 [N, K]."""
        assert self.head is not None
        weight = self.head.weight.T.astype(np.float64)
        return np.asarray(features.reshape(len(features), -1) @ weight + self.head.bias)

    def error_of(self, answer: Float32) -> float:
        """Return the largest deviation from the truth, as a share of the truth's largest entry."""
        if answer.shape != self.answer.shape or not np.isfinite(answer).all():
            return math.inf
        return float(np.abs(answer - self.answer).max() / np.abs(self.answer).max())

    @property
    def peers(self) -> Mapping[str, Peer]:
        """Those that can run it, cnnkit among them."""
        from cnnkit.bench.peers.registry import PEERS

        return PEERS

    def parts(self) -> tuple[Part, ...]:
        """Return what cnnkit's time goes to, where its engine can tell."""
        return ()

    def shapes(self) -> Iterator[tuple[int, ...]]:
        """Yield the input's shape and each block's output shape, [N, C, H, W]."""
        shape: tuple[int, ...] = self.x.shape
        yield shape
        for layer in self.layers:
            shape = layer.pool_shape(shape)
            yield shape
