"""A picture as a network takes it: `prepare(Path("x.png"), preprocessing).image`.

A recipe of `cnnkit.graph.preprocessing` prepares pictures of its data set as a whole. Any other
network gets the picture as its record says, in its own colours and size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ImageOps

from cnnkit.data.fitting import fit_picture
from cnnkit.data.photo import prepare_digit
from cnnkit.data.pictures import open_picture, read_named
from cnnkit.errors import InputError
from cnnkit.graph.preprocessing import MNIST, Preprocessing, Resize


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


def fitted(path: Path, record: Preprocessing) -> Prepared:
    """Return a picture in the record's size and colours; stretched, unless the record says how.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not a picture, or has no such channels.
    """
    if record.colour == "channels":
        raise InputError(
            path,
            f"is a picture, and the network takes {record.size[0]} channels",
            "call the model from Python, with images of your own making",
        )
    with open_picture(path, read_named(path)) as picture:
        return Prepared(fit_picture(ImageOps.exif_transpose(picture), resizing(record)))


def resizing(record: Preprocessing) -> Preprocessing:
    """Return a record that says how pictures are resized: stretched where it did not say."""
    if record.resize.mode != "none":
        return record
    return replace(record, resize=Resize("stretch", "bilinear", antialias=True))


RECIPES: dict[str | None, Callable[[Path, Preprocessing], Prepared]] = {
    MNIST: digit,
    None: fitted,
}


def prepare(path: Path, record: Preprocessing) -> Prepared:
    """Return a picture prepared as a network's record says."""
    return RECIPES[record.recipe](path, record)
