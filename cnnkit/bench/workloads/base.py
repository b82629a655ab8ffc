"""A workload: one input through blocks of conv → ReLU → max-pool, and perhaps a linear classifier.

`Workload.reference` is the float64 output that every peer's output is compared with before timing.
A workload does not know who runs it (`peers.registry`) nor how long that takes (`measure`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.ops.reference import conv_relu_pool_ref

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Pair = tuple[int, int]


@dataclass(frozen=True)
class ConvBlock:
    """Conv2d → ReLU → MaxPool2d: weight [Cout, Cin, kernel rows, kernel columns], bias [Cout]."""

    weight: Float32
    bias: Float32 | None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    pool_kernel: Pair = (2, 2)
    pool_stride: Pair = (2, 2)
    pool_padding: Pair = (0, 0)
    precision: str = field(default="default", kw_only=True)  # cnnkit's; peers compute in float32

    @property
    def parameters(self) -> tuple[Pair, ...]:
        """The arguments of `conv_relu_pool` after x, weight and bias, in its order."""
        return self.stride, self.padding, self.pool_kernel, self.pool_stride, self.pool_padding

    def conv_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return the convolution's output shape [N, C, H, W] for an input of `shape`."""
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


# Above float32's error by any algorithm (Winograd's F(6x6) was seen to err by 3e-6), below that of
# weights in float16 (2e-5 and more) or bfloat16 (2e-4): a peer with a larger error computes
# something else.
PEER_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Workload:
    """One case of the benchmark.

    Attributes:
        name: the case's name in tables.
        x: the input, float32 [N, C, H, W]; subclasses may take raw pixels, uint8.
        blocks: one or several.
        head: the classifier after the blocks; None for blocks alone.
        tolerance: the largest error allowed to cnnkit, as a share of the largest reference value.
        data: where input and weights come from, in words.
    """

    name: str
    x: NDArray[Any]
    blocks: tuple[ConvBlock, ...]
    head: Head | None
    tolerance: float
    data: str

    @property
    def peer_tolerance(self) -> float:
        """The largest error allowed to other runtimes."""
        return PEER_TOLERANCE

    @property
    def batch(self) -> int:
        """N, the images that are computed together."""
        return len(self.x)

    @property
    def images(self) -> int:
        """The number of images that a call takes: one batch."""
        return self.batch

    @property
    def flop(self) -> int:
        """Nominal FLOP of one call: direct convolution and the head, 2 for each multiply-add."""
        head = 2 * len(self.x) * self.head.weight.size if self.head else 0
        return sum(self.block_flop()) + head

    def block_flop(self) -> list[int]:
        """Return each block's nominal FLOP of one call."""
        return [
            2 * math.prod(block.conv_shape(shape)) * math.prod(block.weight.shape[1:])
            for block, shape in zip(self.blocks, self.shapes(), strict=False)
        ]

    @property
    def bytes(self) -> int:
        """Bytes that every implementation must move at least: input, weights and output, once."""
        arrays = [self.x, *(a for block in self.blocks for a in (block.weight, block.bias))]
        arrays += [self.head.weight, self.head.bias] if self.head else []
        return sum(a.nbytes for a in arrays if a is not None) + 4 * math.prod(self.output_shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """[N, C, H, W] of the last block, or [N, K]."""
        if self.head:
            return self.batch, self.head.weight.shape[0]
        return list(self.shapes())[-1]

    @cached_property
    def reference(self) -> Float64:
        """The output in float64, by the simplest algorithm."""
        features = self.features(self.x)
        if self.head is None:
            return features
        logits = self.logits(features)
        logits -= logits.max(1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))

    def features(self, x: NDArray[Any]) -> Float64:
        """Return the last block's output for x, in float64 [N, C, H, W]."""
        for block in self.blocks:
            x = conv_relu_pool_ref(x, block.weight, block.bias, *block.parameters)
        return x

    def logits(self, features: Float64) -> Float64:
        """Return the head's scores in float64 [N, K]."""
        assert self.head is not None
        weight = self.head.weight.T.astype(np.float64)
        return np.asarray(features.reshape(len(features), -1) @ weight + self.head.bias)

    def error_of(self, output: Float32) -> float:
        """Return the largest deviation from the reference, as a share of its largest value."""
        if output.shape != self.reference.shape or not np.isfinite(output).all():
            return math.inf
        return float(np.abs(output - self.reference).max() / np.abs(self.reference).max())

    def shapes(self) -> Iterator[tuple[int, ...]]:
        """Yield the input's shape and each block's output shape, [N, C, H, W]."""
        shape: tuple[int, ...] = self.x.shape
        yield shape
        for block in self.blocks:
            shape = block.pool_shape(shape)
            yield shape
