"""What an algorithm really computes: `executed_flop("winograd", layer, x.shape)`.

Nominal FLOP are those of direct convolution, whoever computes it and however; they compare
programs. Executed FLOP are those of the algorithm that runs: they tell how busy the core is kept.
A multiply-add counts 2, an addition 1, comparisons and moves 0; what pads a vector is not counted.
"""

from __future__ import annotations

import math

from cnnkit.bench.workload import Layer

# Output side t of Winograd's F(t x t, 3 x 3), and what its transforms cost for each tile and
# channel, as if no two tiles shared a row: of the input (B^T d B) and of the output (A^T M A).
WINOGRAD = {
    "winograd-small": (2, 32, 24),
    "winograd-2x2": (2, 32, 24),
    "winograd-4x4": (4, 228, 130),
}
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
    if algorithm in WINOGRAD:
        side, of_input, of_output = WINOGRAD[algorithm]
        tiles = images * math.ceil(rows / side) * math.ceil(columns / side)
        products = 2 * (side + 2) ** 2 * cin * cout
        return float(tiles * (products + of_input * cin + of_output * cout))
    if algorithm == "stem":
        stride = layer.stride[0]
        taps = [len(range(phase, kernel_rows, stride)) for phase in range(stride)]
        # Two rows of the convolution at a time: t + 1 products a phase instead of 2 t.
        products = sum(t + 1 if max(taps) <= STEM_TAPS else 2 * t for t in taps if t)
        pairs = images * math.ceil(rows / 2) * columns
        return 2.0 * pairs * cout * cin * kernel_columns * products
    return None
