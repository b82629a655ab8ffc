"""Drawn images, where there are no others: `drawn_images((3, 32, 32), 256)`.

Noise alone leaves a network in one corner of what it knows, so the images are blots and noise of
every coarseness, dark ones and light ones; black, white and gray as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEED = 13


def drawn_images(size: tuple[int, int, int], count: int, seed: int = SEED) -> NDArray[np.uint8]:
    """Return uint8 [count, C, H, W], the same on every machine."""
    channels, height, width = size
    random = np.random.default_rng([seed, *size])
    images = np.empty((count, *size), np.uint8)
    images[: min(count, 3)] = np.array([0, 255, 128], np.uint8)[:count, None, None, None]
    for index in range(3, count):
        side = 2 ** int(random.integers(0, max(1, max(height, width).bit_length())))
        rows, columns = -(-height // side), -(-width // side)
        coarse = random.integers(0, 256, (channels, rows, columns))
        low, high = sorted(random.integers(0, 256, 2).tolist())
        levels = low + coarse * (high - low) // 255
        full = levels.repeat(side, 1).repeat(side, 2)[:, :height, :width]
        noise = random.integers(-9, 10, size)
        images[index] = np.clip(full + noise, 0, 255)
    return images
