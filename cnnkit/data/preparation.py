"""A picture as a network takes it: `prepare(Path("x.png"), preprocessing).image`.

A recipe of `cnnkit.graph.preprocessing` prepares pictures of its data set as a whole. Any other
network gets the picture as it is, in its own colours and size.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cnnkit.data.photo import prepare_digit
from cnnkit.data.pictures import open_picture
from cnnkit.errors import InputError
from cnnkit.graph.preprocessing import MNIST, Preprocessing
from cnnkit.system.files import read_bytes

MODES = {"gray": "L", "rgb": "RGB"}  # Pillow's, by the record's colour


class Prepared(NamedTuple):
    """A prepared picture.

    Attributes:
        image: uint8 [C, H, W].
        several: whether the picture shows several digits side by side.
    """

    image: NDArray[np.uint8]
    several: bool = False


def digit(path: Path, record: Preprocessing) -> Prepared:
    """Return a picture of a digit as an image like MNIST's."""
    return Prepared(*prepare_digit(path, record.size[1:]))


def resized(path: Path, record: Preprocessing) -> Prepared:
    """Return a picture in the record's size and colours, and otherwise as it is.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not a picture, or has no such channels.
    """
    channels, height, width = record.size
    if record.colour not in MODES:
        raise InputError(
            path,
            f"is a picture, and the network takes {channels} channels",
            "call the model from Python, with images of your own making",
        )
    with open_picture(path, read_bytes(path)) as picture:
        plain = flat(ImageOps.exif_transpose(picture)).convert(MODES[record.colour])
        if plain.size != (width, height):
            plain = plain.resize((width, height), Image.Resampling.BILINEAR)  # it is antialiased
        pixels = np.asarray(plain, np.uint8).reshape(height, width, channels)
    return Prepared(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def flat(picture: Image.Image) -> Image.Image:
    """Return a picture of eight bits, transparent ones on white."""
    if picture.mode[0] in "IF":
        return Image.fromarray(eight_bits(np.asarray(picture)))
    if "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), layer)
    return picture


def eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return levels of 16 or 32 bits, or floats from 0 to 1, as levels of 8 bits."""
    levels = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    highest = levels.max(initial=0.0)
    full = 1.0 if highest <= 1 else 65535.0 if highest <= 65535 else highest
    return np.clip(np.rint(levels * (255 / full)), 0, 255).astype(np.uint8)


RECIPES: dict[str | None, Callable[[Path, Preprocessing], Prepared]] = {
    MNIST: digit,
    None: resized,
}


def prepare(path: Path, record: Preprocessing) -> Prepared:
    """Return a picture prepared as a network's record says."""
    return RECIPES[record.recipe](path, record)
