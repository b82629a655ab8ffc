"""FLOP that the native engine executes for the published network, part by part.

The counts follow the algorithms of the vector engine (`csrc/mnist/`):
Winograd F(2x2, 3x3) on the tiles that are not blank, a direct convolution under the windows that
are not, gradients through the max-pool's indices alone. So they depend on the images, and are means
over those of the workload. `tests/bench/test_native_tiles.py` compares the tiles and windows with
those that the engine itself computes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.network import weights_of
from cnnkit.bench.workloads.training import TrainingWorkload
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.ops.fused import isa

VECTOR_ISAS = ("amx", "avx512", "avx2")  # where the published network has an engine of its own
BLOCK1, BLOCK2, HEAD = "block 1", "block 2", "linear, softmax"
BACK_HEAD, BACK_BLOCK2, BACK_BLOCK1 = "linear backward", "block 2 backward", "block 1 backward"
STEP = "Adam, weights"
FORWARD = (BLOCK1, BLOCK2, HEAD)
BACKWARD = (BACK_HEAD, BACK_BLOCK2, BACK_BLOCK1)

TILES = 14 * 14
# B^T d B of a tile's input: along x only the two rows that its upper neighbour has not transformed,
# 4 additions each, then 4 along y in each of 4 columns.
TILE_INPUT_FLOP = 2 * 4 + 4 * 4
# A^T (u * v) A of one output channel: in each of 4 columns a product and 4 FMA, the bias by one
# more FMA in place of a product, then 8 additions.
TILE_FLOP = 4 * (1 + 4 * 2) + 1 + 8
TILE_GRADIENT_FLOP = 16 * 2  # one output channel's 16 transformed weights, an FMA each
ADAM_FLOP = 14  # of one parameter


def non_blank(images: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tiles bool [N, 14, 14] and windows bool [N, 7, 7] the engine computes.

    A tile is the 4x4 pixels under one max-pool of the first block, a window the 4x4 tiles under one
    of the second. The output of a blank one depends on the weights alone and is not computed.
    """
    tiles = _reached(images[:, 0] != 0)
    return tiles, _reached(tiles)


def _reached(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which 4x4 windows, with stride 2 and padding 1, hold a mark."""
    padded = np.pad(marks, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), axis=(1, 2))
    return np.asarray(windows[:, ::2, ::2].any(axis=(3, 4)))


def inference_flop(work: Workload) -> dict[str, float]:
    """Return the executed FLOP of an image by part; empty unless the vector engine runs it."""
    if isa() not in VECTOR_ISAS or weights_of(work).architecture != Architecture():
        return {}
    assert work.head is not None
    tiles, windows = (marks.sum() / len(work.x) for marks in non_blank(work.x))
    first, second = (block.weight for block in work.blocks)
    taps = second[0].size
    return {
        # One product scales each pixel.
        BLOCK1: work.x[0].size + TILES * TILE_INPUT_FLOP + tiles * len(first) * TILE_FLOP,
        # Four outputs of each channel, and the sums over the four lanes that hold each.
        BLOCK2: windows * len(second) * 4 * (2 * taps + 3),
        HEAD: 2.0 * work.head.weight.size,
    }


def training_flop(work: TrainingWorkload) -> dict[str, float]:
    """Return the executed FLOP of an image of a training step by part; empty as above."""
    forward = inference_flop(work)
    if not forward:
        return {}
    assert work.head is not None
    tiles = non_blank(work.x)[0].sum() / len(work.x)
    first, second = (block.weight for block in work.blocks)
    return {
        **forward,
        BACK_HEAD: 4.0 * work.head.weight.size,
        # The 3x3 input under each max-pool index: its product with the gradient for the weights,
        # the weights' product with the gradient for the input.
        BACK_BLOCK2: active_features(work) * 4 * second[0].size,
        BACK_BLOCK1: tiles * len(first) * TILE_GRADIENT_FLOP + TILES * len(first),
        STEP: ADAM_FLOP * parameter_count(work) / work.batch,
    }


def active_features(work: TrainingWorkload) -> float:
    """Return how many features of an image get a gradient: those above zero after ReLU."""
    features = work.features(work.x * PIXEL_SCALE)
    return float((features > 0).sum() / len(features))


def parameter_count(work: Workload) -> int:
    """Return the number of a network's parameters."""
    return sum(map(math.prod, weights_of(work).architecture.parameter_shapes().values()))
