"""What an algorithm really computes: `executed_flop("winograd", layer, x.shape)`.

Nominal FLOP are those of direct convolution, whoever computes it and however; they compare
programs. Executed FLOP are those of the algorithm that runs: they tell how busy the core is kept.
A multiply-add counts 2, an addition 1, comparisons and moves 0; what pads a vector is not counted.
"""

from __future__ import annotations

import math

from cnnkit.bench.workloads.base import Layer

# Outputs of a tile (rows, columns) and taps of the kernel, by algorithm (`csrc/conv/`).
# Where pool windows fill less than 3/4 of its vectors of 7, winograd-2x1 runs winograd-small.
FORMS = {
    "winograd-small": (2, 2, 3),
    "winograd-2x1": (2, 1, 3),
    "winograd-2x2": (2, 2, 3),
    "winograd-4x2": (4, 2, 3),
    "winograd-4x4": (4, 4, 3),
    "winograd-5x5": (2, 2, 5),
    "amx-4x2": (4, 2, 3),
    "amx-4x4": (4, 4, 3),
}
# bfloat16 parts that AMX takes float32 values apart into: parts p and q make a product where
# p + q < parts.
PARTS = {"amx-4x2": 3, "amx-4x4": 2}
# FLOP of the one-dimensional transforms of so many inputs, and to so many outputs.
OF_INPUT = {3: 0, 4: 4, 6: 22}
OF_OUTPUT = {(3, 1): 0, (4, 2): 4, (6, 2): 12, (6, 4): 16}
STEM_TAPS = 4  # of a phase, at most, for the stem to take two rows at a time by F(2, t)


def executed_flop(algorithm: str, layer: Layer, shape: tuple[int, ...]) -> float | None:
    """Return the FLOP of one call, or None for an algorithm that is not known here.

    Args:
        algorithm: as `ConvReLUPool.algorithm` names it.
        layer: the block.
        shape: [N, C, H, W] of its input.
    """
    images, cout, rows, columns = layer.conv_shape(shape)
    cin, kernel_rows, kernel_columns = map(int, layer.weight.shape[1:])
    if algorithm == "direct":
        return 2.0 * images * cout * rows * columns * cin * kernel_rows * kernel_columns
    if algorithm in FORMS:
        height, width, taps = FORMS[algorithm]
        high, wide = height + taps - 1, width + taps - 1
        tiles = images * math.ceil(rows / height) * math.ceil(columns / width)
        # As if no two tiles shared a row or column.
        of_input = wide * OF_INPUT[high] + high * OF_INPUT[wide]
        of_output = wide * OF_OUTPUT[high, height] + height * OF_OUTPUT[wide, width]
        parts = PARTS.get(algorithm, 1)
        products = parts * (parts + 1) // 2
        of_input += (parts - 1) * high * wide
        of_product = 2 * products * high * wide
        return float(tiles * (of_product * cin * cout + of_input * cin + of_output * cout))
    if algorithm == "stem":
        stride = layer.stride[0]
        phases = [len(range(phase, kernel_rows, stride)) for phase in range(stride)]
        # Two rows of the convolution at a time: t + 1 products a phase instead of 2 t.
        products = sum(t + 1 if max(phases) <= STEM_TAPS else 2 * t for t in phases if t)
        pairs = images * math.ceil(rows / 2) * columns
        return 2.0 * pairs * cout * cin * kernel_columns * products
    return None
