"""Inputs that are made up for an ONNX file: `random_feeds(file, trials(file)[0])`.

A file may leave sizes free that are not: a batch of two, or the first height and width that come to
mind, may not fit it. `trials` lists what to try, the likeliest first.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats.onnx.protobuf import OnnxFile

LARGEST_INPUT = 2**26  # values, half a gigabyte as they are drawn
LARGEST_NUMBER = 255  # of integers: a pixel


class Trial(NamedTuple):
    """What a free size becomes, and how large integers are.

    Attributes:
        batch: every free size but height and width.
        size: height and width of images.
        largest: no integer is larger.
    """

    batch: int
    size: tuple[int, int]
    largest: int = LARGEST_NUMBER


BATCHES = (2, 1)
SIZES = (64, 224, 32, 28, 2)  # of free heights and widths


def parse_size(text: str) -> tuple[int, int]:
    """Return height and width of "224x320".

    Raises:
        InputError: it is none.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if not found:
        raise InputError(f"--size {text}", "is not HxW", "write height and width, as in 224x320")
    return int(found[1]), int(found[2])


def trials(file: OnnxFile, size: tuple[int, int] | None = None) -> list[Trial]:
    """Return what to try for a model, each with other inputs.

    Args:
        file: the model.
        size: the height and width of its images, where a person has named them.
    """
    free = any(map(_free_image_axes, file.inputs.values()))
    sizes = [size] if size else [(side, side) for side in SIZES] if free else [(2, 2)]
    largest = [LARGEST_NUMBER, 1] if _indices(file) else [LARGEST_NUMBER]
    batches = BATCHES if any(0 in sizes for _, sizes in file.inputs.values()) else BATCHES[:1]
    return [Trial(b, s, top) for top in largest for s in sizes for b in batches]


def obstacle(file: OnnxFile) -> str:
    """Return why no inputs can be made up for a model, or nothing."""
    for name, (dtype, _) in file.inputs.items():
        if not dtype:
            return f"its input {name} is not a tensor of numbers that NumPy has"
        if name in file.unshaped:
            return f"it does not say the shape of its input {name}, or says that it is empty"
    return ""


def guesses(file: OnnxFile, size: tuple[int, int] | None = None) -> bool:
    """Tell whether more than the number of images is made up, so that inputs may be wrong."""
    return guesses_sizes(file, size) or _indices(file)


def guesses_sizes(file: OnnxFile, size: tuple[int, int] | None = None) -> bool:
    """Tell whether another size than the number of images is made up."""
    return any(
        axis > 0 and length == 0 and not (size and axis in _free_image_axes(stated))
        for stated in file.inputs.values()
        for axis, length in enumerate(stated[1])
    )


def wants_size(file: OnnxFile) -> bool:
    """Tell whether a model leaves height or width of its images free."""
    return any(map(_free_image_axes, file.inputs.values()))


def random_feeds(file: OnnxFile, trial: Trial, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return random inputs for a model to which there is no `obstacle`.

    Raises:
        InputError: an input would be too large.
    """
    generator = np.random.default_rng(seed)
    feeds = {}
    for name, stated in file.inputs.items():
        shape = [size or trial.batch for size in stated[1]]
        for axis, place in _free_image_axes(stated).items():
            shape[axis] = trial.size[place]
        if math.prod(shape) > LARGEST_INPUT:
            raise InputError(
                name,
                f"is an input of {shape}, more than {LARGEST_INPUT:,} values",
                "run the file in its own program",
            )
        feeds[name] = _numbers(generator, np.dtype(stated[0]), shape, trial.largest)
    return feeds


def _numbers(
    generator: np.random.Generator, dtype: np.dtype[Any], shape: list[int], largest: int
) -> NDArray[Any]:
    numbers = generator.random(shape)
    if dtype.kind == "f":
        return numbers.astype(dtype)
    most = 1 if dtype.kind == "b" else min(largest, np.iinfo(dtype).max)
    return np.floor(numbers * (most + 1)).astype(dtype)


def _free_image_axes(stated: tuple[str, tuple[int, ...]]) -> dict[int, int]:
    """Return the axes that are a free height (0) or a free width (1)."""
    _, sizes = stated
    if len(sizes) == 4:
        first = 1 if sizes[3] and not sizes[1] else 2  # [N, H, W, C], or [N, C, H, W]
    elif len(sizes) == 3 and not any(sizes[1:]):
        first = 1
    else:
        return {}
    return {first + place: place for place in (0, 1) if sizes[first + place] == 0}


def _indices(file: OnnxFile) -> bool:
    """Tell whether an input may be indices, which must not be larger than some table."""
    return any(dtype in ("int32", "int64") for dtype, _ in file.inputs.values())
