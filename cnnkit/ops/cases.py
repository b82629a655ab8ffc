"""The test cases of `conv_relu_pool`, shared by tests and bench: `CASES[0].arrays()`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.ops.reference import Size


@dataclass(frozen=True)
class Case:
    """Shapes and parameters of one call of the fused operator.

    Attributes:
        name: its name in tests and tables.
        x: shape [N, C_in, H, W].
        weight: shape [C_out, C_in, kernel rows, kernel columns].
        tolerance: largest error against float64, relative to the largest output.
        precision: as for `conv_relu_pool`.
    """

    name: str
    x: tuple[int, int, int, int]
    weight: tuple[int, int, int, int]
    stride: Size = 1
    padding: Size = 0
    pool_kernel: Size = 2
    pool_stride: Size | None = None
    pool_padding: Size = 0
    tolerance: float = 2e-6
    precision: str = "default"

    @property
    def parameters(self) -> dict[str, Any]:
        """The keyword arguments of `conv_relu_pool` after x, weight and bias."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "pool_kernel": self.pool_kernel,
            "pool_stride": self.pool_stride,
            "pool_padding": self.pool_padding,
        }

    def arrays(
        self, seed: int = 0
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Draw x from U(-1, 1), weight and bias from PyTorch's default initialisation."""
        draw = np.random.default_rng(seed)
        bound = 1 / np.sqrt(np.prod(self.weight[1:]))
        x = draw.uniform(-1, 1, self.x).astype(np.float32)
        weight = draw.uniform(-bound, bound, self.weight).astype(np.float32)
        bias = draw.uniform(-bound, bound, self.weight[0]).astype(np.float32)
        return x, weight, bias


REFERENCE_BLOCKS = (
    Case("block1", (16, 1, 28, 28), (16, 1, 3, 3), padding=1, tolerance=1e-6),
    Case("block2", (16, 16, 14, 14), (4, 16, 3, 3), padding=1, tolerance=1e-6),
)

CONV64 = Case("conv64", (1, 64, 56, 56), (64, 64, 3, 3), padding=1)

# Layers in which real networks spend their time: timed by bench, too large for random tests.
LARGE_CASES = (
    CONV64,
    Case(
        "resnet18_stem",
        (1, 3, 224, 224),
        (64, 3, 7, 7),
        stride=2,
        padding=3,
        pool_kernel=3,
        pool_stride=2,
        pool_padding=1,
    ),
    Case("vgg11_first", (1, 3, 224, 224), (64, 3, 3, 3), padding=1),
)

# Output columns below, at and between the vector widths 4, 8 and 16.
_WIDTHS = tuple(
    Case(f"width{columns}", (2, 3, 6, columns), (5, 3, 3, 3), padding=1)
    for columns in (2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 65)
)
# Channel counts around the register blocks and the vector widths.
_COUNTS = (
    *((1, 1), (1, 3), (2, 5), (3, 8), (4, 1), (7, 7), (8, 15), (15, 16), (16, 4)),
    *((16, 17), (17, 16), (24, 31), (32, 33), (64, 64)),
)
_CHANNELS = tuple(
    Case(f"channels{c_in}to{c_out}", (1, c_in, 10, 10), (c_out, c_in, 3, 3), padding=1)
    for c_in, c_out in _COUNTS
)


def _blocks(name: str, c_in: int, sizes: Iterable[tuple[int, int, int]]) -> tuple[Case, ...]:
    """Return 3×3 blocks like the published network's: rows, columns and output channels of each."""
    return tuple(
        Case(
            f"{name}{rows}x{columns}to{c_out}", (2, c_in, rows, columns), (c_out, c_in, 3, 3), 1, 1
        )
        for rows, columns, c_out in sizes
    )


# Rows of one, two and three vectors of 7 pool windows, full and partial; 1 to 7 rows of tiles.
_FEW = _blocks(
    "few",
    3,
    (
        *((2, 14, 4), (5, 15, 3), (6, 12, 7), (8, 13, 6), (10, 28, 4), (12, 29, 8), (14, 42, 9)),
        *((15, 10, 4), (4, 16, 4), (7, 22, 16)),
    ),
)

# One input channel, whose tiles fill vectors across rows: various counts of tiles and channels.
_ONE = _blocks(
    "one",
    1,
    (
        *((8, 8, 4), (4, 20, 8), (4, 20, 6), (10, 10, 5), (6, 14, 7), (12, 6, 3)),
        *((7, 37, 4), (28, 28, 2), (2, 72, 12), (90, 70, 16)),
    ),
)

CASES = (
    *REFERENCE_BLOCKS,
    *_WIDTHS,
    *_CHANNELS,
    *_FEW,
    *_ONE,
    Case("empty_batch", (0, 3, 8, 8), (4, 3, 3, 3), padding=1),
    Case("odd_size", (2, 3, 13, 11), (4, 3, 3, 3), padding=1),
    Case("one_pixel", (1, 1, 1, 1), (1, 1, 1, 1), pool_kernel=1),
    Case("kernel1", (2, 5, 9, 9), (6, 5, 1, 1)),
    Case("kernel5", (2, 3, 20, 18), (6, 3, 5, 5), padding=2),
    Case("kernel2x7", (2, 3, 20, 18), (6, 3, 2, 7), padding=(1, 3)),
    Case("kernel11", (1, 2, 23, 23), (3, 2, 11, 11), padding=5),
    Case("stride2", (2, 3, 21, 23), (5, 3, 3, 3), stride=2, padding=1),
    Case("stride3x2", (2, 3, 25, 23), (5, 3, 4, 5), stride=(3, 2), padding=(2, 1)),
    Case("no_padding", (2, 4, 12, 12), (4, 4, 3, 3)),
    Case("wide_padding", (1, 2, 5, 6), (3, 2, 3, 3), padding=(3, 4)),
    Case("pool1", (1, 3, 9, 9), (4, 3, 3, 3), padding=1, pool_kernel=1),
    Case(
        "pool3_2_1",
        (2, 3, 15, 17),
        (4, 3, 3, 3),
        1,
        1,
        pool_kernel=3,
        pool_stride=2,
        pool_padding=1,
    ),
    Case("pool_overlapping", (1, 3, 15, 17), (4, 3, 3, 3), pool_kernel=3, pool_stride=1),
    Case("pool_gaps", (1, 3, 15, 17), (4, 3, 3, 3), pool_kernel=2, pool_stride=3),
    Case("pool2x3", (1, 3, 12, 13), (4, 3, 3, 3), pool_kernel=(2, 3), pool_stride=(1, 2)),
    Case(
        "pool_padding",
        (2, 3, 14, 13),
        (4, 3, 3, 3),
        padding=1,
        pool_kernel=(3, 2),
        pool_stride=2,
        pool_padding=1,
    ),
    Case(
        "resnet_stem",
        (1, 3, 56, 56),
        (16, 3, 7, 7),
        stride=2,
        padding=3,
        pool_kernel=3,
        pool_stride=2,
        pool_padding=1,
    ),
    Case(
        "alexnet_stem",
        (1, 3, 67, 67),
        (16, 3, 11, 11),
        stride=4,
        padding=2,
        pool_kernel=3,
        pool_stride=2,
    ),
    Case("squeezenet_stem", (1, 3, 48, 48), (20, 3, 3, 3), stride=2, pool_kernel=3, pool_stride=2),
    Case("vgg_block", (1, 32, 28, 28), (48, 32, 3, 3), padding=1),
    Case("many_unfilled", (2, 62, 19, 23), (47, 62, 3, 3), padding=1),
    Case("alexnet_5x5", (1, 16, 27, 27), (24, 16, 5, 5), 1, 2, pool_kernel=3, pool_stride=2),
    Case("alexnet_last", (2, 32, 13, 13), (41, 32, 3, 3), 1, 1, pool_kernel=3, pool_stride=2),
    Case("few_overlapping", (2, 8, 21, 19), (6, 8, 3, 3), 1, 1, 3, 2, 1),
    Case("many_padding", (1, 17, 21, 40), (19, 17, 3, 3), 1, (0, 2), (3, 2), 1, (1, 0)),
    Case("many_strips", (1, 16, 60, 130), (80, 16, 3, 3), 1, 1, 3, 2, 1),
)
