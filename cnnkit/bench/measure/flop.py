"""FLOP that an algorithm executes: `executed_flop("winograd-2x2", block, x.shape)`.

Nominal FLOP are those of direct convolution, whatever the algorithm; they compare programs.
Executed FLOP are those of the algorithm that runs; they show how busy it keeps the core. A
multiply-add counts 2, an addition 1, comparisons and moves 0; vector padding is not counted.
"""

from __future__ import annotations

import math

from cnnkit.bench.workloads.base import ConvBlock

# Outputs of a tile (rows, columns) and taps of the kernel, by algorithm (`csrc/conv/`).
# Where pool windows fill less than 3/4 of its vectors of 7, winograd-2x1 runs winograd-small.
WINOGRAD_TILES = {
    "winograd-small": (2, 2, 3),
    "winograd-2x1": (2, 1, 3),
    "winograd-2x2": (2, 2, 3),
    "winograd-4x2": (4, 2, 3),
    "winograd-4x4": (4, 4, 3),
    "winograd-5x5": (2, 2, 5),
    "amx-4x2": (4, 2, 3),
    "amx-4x4": (4, 4, 3),
}
# The number of bfloat16 parts that AMX's kernels split a float32 value into; they multiply parts p
# and q where p + q is less than that.
BFLOAT16_PARTS = {"amx-4x2": 3, "amx-4x4": 2}
# FLOP of the one-dimensional transforms: by the number of inputs, and of inputs and outputs.
INPUT_TRANSFORM = {3: 0, 4: 4, 6: 22}
OUTPUT_TRANSFORM = {(3, 1): 0, (4, 2): 4, (6, 2): 12, (6, 4): 16}
STEM_TAPS = 4  # most taps of a phase for which the stem computes two rows at a time by F(2, t)


def executed_flop(algorithm: str, block: ConvBlock, shape: tuple[int, ...]) -> float | None:
    """Return the FLOP of one call, or None for an unknown algorithm.

    Args:
        algorithm: a value of `ConvReLUPool.algorithm`.
        block: the block.
        shape: [N, C, H, W] of its input.
    """
    images, cout, rows, columns = block.conv_shape(shape)
    cin, kernel_rows, kernel_columns = map(int, block.weight.shape[1:])
    if algorithm == "direct":
        return 2.0 * images * cout * rows * columns * cin * kernel_rows * kernel_columns
    if algorithm in WINOGRAD_TILES:
        height, width, taps = WINOGRAD_TILES[algorithm]
        high, wide = height + taps - 1, width + taps - 1
        tiles = images * math.ceil(rows / height) * math.ceil(columns / width)
        # Counted as if no two tiles shared a row or column.
        of_input = wide * INPUT_TRANSFORM[high] + high * INPUT_TRANSFORM[wide]
        of_output = wide * OUTPUT_TRANSFORM[high, height] + height * OUTPUT_TRANSFORM[wide, width]
        parts = BFLOAT16_PARTS.get(algorithm, 1)
        products = parts * (parts + 1) // 2
        of_input += (parts - 1) * high * wide
        of_product = 2 * products * high * wide
        return float(tiles * (of_product * cin * cout + of_input * cin + of_output * cout))
    if algorithm == "stem":
        stride = block.stride[0]
        phases = [len(range(phase, kernel_rows, stride)) for phase in range(stride)]
        # Two rows of the convolution at a time: t + 1 products a phase instead of 2 t.
        products = sum(t + 1 if max(phases) <= STEM_TAPS else 2 * t for t in phases if t)
        pairs = images * math.ceil(rows / 2) * columns
        return 2.0 * pairs * cout * cin * kernel_columns * products
    return None
