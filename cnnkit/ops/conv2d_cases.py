"""The test cases of `Conv2d`: `x, weight, bias, residual = CONV2D_CASES[0].arrays()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.ops.reference import Activation, Size

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Conv2dCase:
    """Shapes and parameters of one call of `Conv2d`.

    Attributes:
        name: its name in tests.
        x: shape [N, C_in, H, W].
        weight: shape [C_out, C_in / groups, kernel rows, kernel columns].
        residual: whether there is a residual.
        tolerance: largest error against float64, relative to the largest output.
    """

    name: str
    x: tuple[int, int, int, int]
    weight: tuple[int, int, int, int]
    stride: Size = 1
    padding: Size = 0
    dilation: Size = 1
    groups: int = 1
    activation: Activation = "none"
    pool_kernel: Size | None = None
    pool_stride: Size | None = None
    pool_padding: Size = 0
    residual: bool = False
    tolerance: float = 2e-6

    @property
    def parameters(self) -> dict[str, Any]:
        """The keyword arguments of `Conv2d` after weight and bias."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
            "activation": self.activation,
            "pool_kernel": self.pool_kernel,
            "pool_stride": self.pool_stride,
            "pool_padding": self.pool_padding,
        }

    @property
    def sums(self) -> tuple[int, int, int, int]:
        """Shape [N, C_out, rows, columns] of the convolution's output and of the residual."""
        padding = (self.padding,) * 2 if isinstance(self.padding, int) else tuple(self.padding)
        sides = padding if len(padding) == 4 else padding * 2
        stride, dilation = (
            (size, size) if isinstance(size, int) else size for size in (self.stride, self.dilation)
        )
        rows, columns = (
            (self.x[2 + i] + sides[i] + sides[2 + i] - dilation[i] * (self.weight[2 + i] - 1) - 1)
            // stride[i]
            + 1
            for i in (0, 1)
        )
        return self.x[0], self.weight[0], rows, columns

    def arrays(self, seed: int = 0) -> tuple[Floats, Floats, Floats, Floats | None]:
        """Draw x and the residual from U(-1, 1), weight and bias from PyTorch's default."""
        draw = np.random.default_rng(seed)
        bound = 1 / np.sqrt(np.prod(self.weight[1:]))
        x = draw.uniform(-1, 1, self.x).astype(np.float32)
        weight = draw.uniform(-bound, bound, self.weight).astype(np.float32)
        bias = draw.uniform(-bound, bound, self.weight[0]).astype(np.float32)
        residual = draw.uniform(-1, 1, self.sums).astype(np.float32) if self.residual else None
        return x, weight, bias, residual


# Columns below, at and between the vector widths 4, 8 and 16, and their register blocks.
_COLUMNS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 65)
_DENSE = tuple(
    Conv2dCase(f"columns{n}", (2, 3, 5, n), (5, 3, 3, 3), padding=1, residual=n % 2 == 1)
    for n in _COLUMNS
)
_DEPTHWISE = tuple(
    Conv2dCase(
        f"depthwise{kernel}x{kernel}_stride{stride}_columns{n}",
        (1, 5, 7, n),
        (5, 1, kernel, kernel),
        stride,
        kernel // 2,
        groups=5,
        activation=(0, 6),
    )
    for kernel in (3, 5)
    for stride in (1, 2)
    for n in _COLUMNS[::2]
)
# Pointwise rows are joined: pixels below, at and between the vector widths.
_POINTWISE = tuple(
    Conv2dCase(f"pointwise{rows}x{columns}", (2, 6, rows, columns), (7, 6, 1, 1), residual=True)
    for rows, columns in ((1, 1), (1, 4), (3, 3), (4, 4), (1, 17), (5, 7), (7, 7), (9, 8))
)
# Output channels around the register block of four, in one group and in several.
_CHANNELS = tuple(
    Conv2dCase(
        f"groups{groups}_{inputs}to{outputs}",
        (1, groups * inputs, 6, 9),
        (groups * outputs, inputs, 3, 3),
        padding=1,
        groups=groups,
        activation="relu",
        residual=outputs == 3,
    )
    for groups in (1, 2, 3)
    for inputs, outputs in ((1, 2), (1, 9), (3, 1), (2, 3), (5, 4), (4, 5), (7, 11))
)

CONV2D_CASES = (
    *_DENSE,
    *_DEPTHWISE,
    *_POINTWISE,
    *_CHANNELS,
    Conv2dCase("empty_batch", (0, 3, 8, 8), (4, 3, 3, 3), residual=True),
    Conv2dCase("plain", (2, 16, 14, 14), (20, 16, 3, 3), 1, 1, activation="relu", pool_kernel=2),
    Conv2dCase("plain_no_pool", (1, 16, 14, 14), (20, 16, 3, 3), 1, 1, activation="relu"),
    Conv2dCase("relu_residual", (2, 16, 14, 14), (16, 16, 3, 3), 1, 1, 1, 1, "relu", residual=True),
    Conv2dCase("clip", (2, 3, 9, 10), (4, 3, 3, 3), activation=(-0.25, 0.5)),
    Conv2dCase("clip_negative", (2, 3, 9, 10), (4, 3, 3, 3), activation=(-0.5, -0.125)),
    Conv2dCase("clip_above", (2, 3, 9, 10), (4, 3, 3, 3), activation=(-np.inf, 0.25)),
    Conv2dCase("clip_turned", (1, 3, 9, 10), (4, 3, 3, 3), activation=(0.5, 0.25)),
    Conv2dCase("none_pool", (2, 3, 11, 13), (5, 3, 3, 3), pool_kernel=2),
    Conv2dCase("none_pool_padding", (2, 3, 11, 13), (5, 3, 3, 3), 1, 1, 1, 1, "none", 3, 2, 1),
    Conv2dCase(
        "clip_pool_residual", (2, 4, 11, 13), (5, 4, 3, 3), 1, 1, 1, 1, (-1, 1), 3, 1, 1, True
    ),
    Conv2dCase("pool_gaps", (1, 3, 15, 17), (4, 3, 3, 3), pool_kernel=(2, 1), pool_stride=3),
    Conv2dCase("pool_stride", (1, 3, 15, 17), (4, 3, 3, 3), pool_kernel=1, pool_stride=(1, 2)),
    Conv2dCase("kernel10x4", (2, 1, 49, 10), (9, 1, 10, 4), 2, (4, 1, 5, 1), activation="relu"),
    Conv2dCase("strides", (2, 3, 21, 23), (5, 3, 3, 4), stride=(1, 3), padding=(0, 2)),
    Conv2dCase("pads", (2, 3, 9, 10), (5, 3, 3, 3), padding=(0, 1, 2, 3)),
    Conv2dCase("pads_before", (2, 3, 9, 10), (5, 3, 3, 3), stride=2, padding=(3, 2, 0, 0)),
    Conv2dCase("pads_same_upper", (1, 8, 14, 14), (8, 1, 3, 3), 2, (0, 0, 1, 1), groups=8),
    Conv2dCase("padding_beyond_kernel", (1, 2, 4, 5), (3, 2, 2, 2), padding=(5, 4, 3, 6)),
    Conv2dCase("dilation", (2, 3, 15, 17), (5, 3, 3, 3), padding=2, dilation=2),
    Conv2dCase("dilation_stride", (2, 3, 15, 27), (5, 3, 3, 4), (2, 3), (1, 2), (3, 2)),
    Conv2dCase("dilation_below_stride", (1, 2, 15, 40), (3, 2, 2, 5), (1, 4), 0, (1, 3)),
    Conv2dCase("dilation_is_stride", (1, 2, 15, 40), (3, 2, 3, 3), 2, 1, 2, residual=True),
    Conv2dCase("multiplier", (2, 4, 9, 11), (12, 1, 3, 3), 1, 1, groups=4, activation=(0, 6)),
    Conv2dCase("multiplier5", (1, 3, 9, 11), (15, 1, 3, 3), 2, 1, 1, 3, "relu", residual=True),
    Conv2dCase("depthwise_pool", (2, 6, 12, 19), (6, 1, 3, 3), 1, 1, 1, 6, "relu", 2),
    Conv2dCase("depthwise_dilation", (1, 6, 20, 21), (6, 1, 3, 3), 1, 2, 2, 6, residual=True),
    Conv2dCase("groups_pointwise", (2, 12, 7, 7), (8, 3, 1, 1), groups=4, activation="relu"),
    Conv2dCase("pointwise_stride", (2, 6, 9, 11), (8, 6, 1, 1), stride=2),
    Conv2dCase("pointwise_padding", (1, 6, 5, 6), (8, 6, 1, 1), padding=1),
    Conv2dCase("pointwise_pool", (1, 6, 8, 10), (8, 6, 1, 1), pool_kernel=2),
    Conv2dCase(
        "everything",
        (2, 6, 17, 29),
        (9, 2, 3, 2),
        (2, 1),
        (2, 0, 1, 3),
        (1, 2),
        3,
        (-0.5, 1),
        (2, 3),
        (1, 2),
        (1, 0),
        True,
    ),
)
