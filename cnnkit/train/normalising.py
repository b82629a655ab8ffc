"""What `--normalize` makes of training images: `mean_and_std("dataset", images)`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError

OPTION = "--normalize"
NONE, DATASET, IMAGENET = "none", "dataset", "imagenet"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's
DIGITS = 6  # decimals of what is computed
REMEDY = (
    f"make it {NONE}, {DATASET}, {IMAGENET}, or MEAN,STD of pixels from 0 to 1: one of each, or of "
    "each channel (all means first)"
)


class Normalising(NamedTuple):
    """Mean and standard deviation of each channel, of pixels from 0 to 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def check_option(text: str) -> None:
    """Raise InputError unless `--normalize` can be this, for some number of channels."""
    if text not in (NONE, DATASET, IMAGENET):
        _numbers(text)


def mean_and_std(text: str, images: NDArray[np.uint8]) -> Normalising:
    """Return what training images uint8 [N, C, H, W] are normalised with.

    Raises:
        InputError: it does not fit the number of channels.
    """
    channels = images.shape[1]
    if text == NONE:
        return Normalising((0.0,) * channels, (1.0,) * channels)
    if text == DATASET:
        return _measured(images)
    if text == IMAGENET:
        if channels != len(IMAGENET_MEAN):
            raise InputError(
                OPTION,
                f"is {IMAGENET}, of red, green and blue, and the images have {channels} channels",
                f"use --color rgb or --normalize {DATASET}",
            )
        return Normalising(IMAGENET_MEAN, IMAGENET_STD)
    numbers = _numbers(text)
    if len(numbers) not in (2, 2 * channels):
        raise InputError(OPTION, f"is {text}, and the images have {channels} channels", REMEDY)
    each = len(numbers) // 2
    repeat = channels // each
    return Normalising(numbers[:each] * repeat, numbers[each:] * repeat)


def _numbers(text: str) -> tuple[float, ...]:
    """Return an even number of means and standard deviations, which float32 can hold."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(OPTION, f"is {text}", REMEDY) from None
    half = len(numbers) // 2
    good = len(numbers) % 2 == 0 and all(math.isfinite(number) for number in numbers)
    if not good or min(numbers[half:]) < 1e-3 or max(map(abs, numbers)) > 1e3:
        raise InputError(OPTION, f"is {text}", f"{REMEDY}; STD is at least 0.001")
    return numbers


def _measured(images: NDArray[np.uint8]) -> Normalising:
    """Return what the images have, from exact sums; a channel of one value is only centred."""
    mean, std = [], []
    for channel in range(images.shape[1]):
        counts = np.bincount(images[:, channel].ravel(), minlength=256).astype(np.float64)
        values = np.arange(256) / 255
        middle = float(counts @ values / counts.sum())
        spread = math.sqrt(float(counts @ (values - middle) ** 2 / counts.sum()))
        mean.append(round(middle, DIGITS))
        std.append(max(round(spread, DIGITS), 1e-3) if spread else 1.0)
    return Normalising(tuple(mean), tuple(std))
