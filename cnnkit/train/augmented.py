"""Every epoch trains on changed copies of the images: `epoch_images(policy, split, order, 0, 1)`.

The changes are drawn from a seed of their own, [seed, epoch, 2], a row of numbers for each image of
the epoch's order (`cnnkit.data.sampling` has the other seeds). So every engine is shown the same
pixels, whatever its batches and threads, and also after a run was resumed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.ops.augment import COLUMNS, ONE, augment
from cnnkit.train.augmentation import OPERATIONS, Policy
from cnnkit.train.engines.base import Pixels


def epoch_images(
    policy: Policy, split: Split, order: NDArray[np.int64], seed: int, epoch: int
) -> Pixels | None:
    """Return the images to show in an epoch by their place in its order; None for the originals."""
    if not policy:
        return None
    images = split.images
    height, width = images.shape[2:]
    table = draw_table(policy, (height, width), len(order), seed, epoch)
    border = policy.get("border", "black")

    def pixels(part: slice) -> NDArray[np.uint8]:
        # The part of one of several processes is not contiguous.
        return augment(images, order[part].copy(), table[part].copy(), border)

    return pixels


def draw_table(
    policy: Policy, size: tuple[int, int], count: int, seed: int, epoch: int
) -> NDArray[np.int32]:
    """Return the changes of an epoch's `count` images of `size` (H, W), for `ops.augment`.

    The images turn, shear and scale about their centre; each operation's value is uniform in its
    range. Beyond NumPy's generator this is sums, products and quotients in float64, rounded to
    1/65536: nothing that processors or libraries compute differently.
    """
    drawn = np.random.default_rng([seed, epoch, 2]).random((count, 8))

    def value(key: str, column: int) -> NDArray[np.float64]:
        neutral = OPERATIONS[key][0]
        low, high = policy.get(key, (neutral, neutral))
        values: NDArray[np.float64] = low + (high - low) * drawn[:, column]
        return values

    height, width = size
    sine, cosine = _sine_cosine(value("rotate", 0) * (math.pi / 180))
    shear_sine, shear_cosine = _sine_cosine(value("shear", 1) * (math.pi / 180))
    tangent, scale = shear_sine / shear_cosine, value("scale", 2)
    mirrored = np.where(drawn[:, 5] < policy.get("flip", 0.0), -1.0, 1.0)
    # From the copy back to the image: turn, unshear, mirror.
    matrix = np.array(
        [
            [
                mirrored * (cosine + tangent * sine) / scale,
                mirrored * (sine - tangent * cosine) / scale,
            ],
            [-sine / scale, cosine / scale],
        ]
    )  # [2, 2, N]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])[:, None]
    moved = np.array([value("translate", 3) * width, value("translate", 4) * height])
    x, y = centre + moved
    origin = centre - (matrix[:, 0] * x + matrix[:, 1] * y)
    contrast = value("contrast", 7)
    offset = 127.5 * (1 - contrast) + 255 * value("brightness", 6)
    columns = np.stack([*matrix.reshape(4, count), *origin, contrast, offset], axis=1)
    assert columns.shape == (count, COLUMNS)
    table: NDArray[np.int32] = np.rint(columns * ONE).astype(np.int32)
    return table


def _sine_cosine(angle: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sine and cosine to 1e-9 within ±π by their series: libraries' differ in a last bit."""
    sine, cosine, square = angle * 0.0, angle * 0.0, angle * angle
    for n in range(11, -1, -1):
        sine = 1.0 - square / ((2 * n + 2) * (2 * n + 3)) * sine
        cosine = 1.0 - square / ((2 * n + 1) * (2 * n + 2)) * cosine
    return angle * sine, cosine
