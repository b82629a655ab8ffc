"""Convert a photo or drawing to an image like MNIST's: `prepare_picture(Path("my-digit.png"))`.

MNIST's images were made from black and white scans: scaled to fit 20x20 pixels with their aspect
ratio kept and anti-aliased, then placed in 28x28 with the centre of mass in the middle
(LeCun et al., http://yann.lecun.com/exdb/mnist/). `prepare_digit` lists the steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageSequence

from cnnkit.data.digit.colour import contrast
from cnnkit.data.digit.find import find_digit
from cnnkit.data.digit.planes import Plane, average_areas, enlarge
from cnnkit.data.digit.strokes import even_out, place
from cnnkit.data.pictures import open_picture, read_named
from cnnkit.errors import InputError

SMALL_SIDE = 20  # pixels, of MNIST's digits: smaller pictures are enlarged
ENLARGED_SIDE = 64  # pixels
WORKING_SIDE = 256  # pixels; enough for a digit that fills a tenth of the picture
FRAMES = 20  # of an animation, until one shows something


class PreparedDigit(NamedTuple):
    """A picture as an image like MNIST's.

    Attributes:
        image: uint8 [1, H, W], light ink on black.
        several: whether the picture shows several digits side by side; the image has them all.
    """

    image: NDArray[np.uint8]
    several: bool


def prepare_picture(path: Path, size: tuple[int, int] = (28, 28)) -> NDArray[np.uint8]:
    """Return the image of `prepare_digit`."""
    return prepare_digit(path, size).image


def prepare_digit(path: Path, size: tuple[int, int] = (28, 28)) -> PreparedDigit:
    """Return a picture as the network expects it: uint8 [1, H, W], light ink on black.

    1. Read it, apply its EXIF orientation, and compute grey levels (`digit.colour`). Composite
       transparent pictures over white, or over black if nothing is visible on white. Rescale
       pixels of more than eight bits to 0..255. Of an animation, take the first frame that shows
       something.
    2. Reduce the longer side to 256 pixels at most; enlarge one below 20 pixels to about 64.
    3. Find the ink, dark on light or light on dark (`digit.find`): estimate the paper behind it,
       erase lines and frames, and choose the pieces that are the digit.
    4. Bring its strokes to a width like MNIST's, scale it to 20/28 of the output's sides, and put
       its centre of mass in the middle (`digit.strokes`).

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not a picture, or nothing stands out from its background.
    """
    for grey in read_grey(path):
        digit = find_digit(to_working_size(grey))
        if digit:
            return PreparedDigit(place(even_out(digit.ink), size)[None], digit.several)
    raise InputError(
        path, "is blank: nothing stands out", "crop it to the drawing, or draw it darker"
    )


def read_grey(path: Path) -> Iterator[Plane]:
    """Yield grey levels, 0 to 255, of each frame: on white, and if it is transparent, on black."""
    with open_picture(path, read_named(path)) as picture:
        planes: list[Plane] = []
        for frame in islice(ImageSequence.Iterator(picture), FRAMES):
            planes += flatten(ImageOps.exif_transpose(frame))
    yield from planes


def flatten(picture: Image.Image) -> Iterator[Plane]:
    """Yield a picture's grey levels as `read_grey` does."""
    if picture.mode[0] in "IF":  # 16 or 32 bits, or float
        # In place: they are eight bytes a pixel.
        values = np.nan_to_num(np.array(picture, np.float64), copy=False, posinf=0.0, neginf=0.0)
        full = max(float(np.ptp(values)), 1e-9)
        values -= values.min()
        values *= 255.0 / full
        yield to_working_size(values)
    elif "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        for colour in ("white", "black"):
            ground = Image.new("RGBA", picture.size, colour)
            yield levels(Image.alpha_composite(ground, layer))
    else:
        yield levels(picture)


def levels(picture: Image.Image) -> Plane:
    """Return grey levels, 0 to 255; a large picture is first reduced, to save memory."""
    factor = max(1, max(picture.size) // (2 * WORKING_SIDE))
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L").reduce(factor), np.float64)
    return contrast(np.asarray(picture.convert("RGB").reduce(factor)))


def to_working_size(grey: Plane) -> Plane:
    """Enlarge a tiny picture, and reduce a large one to WORKING_SIDE."""
    if max(grey.shape) < SMALL_SIDE:
        return enlarge(grey, -(-ENLARGED_SIDE // max(grey.shape)))
    scale = WORKING_SIDE / max(grey.shape)
    if scale >= 1:
        return grey
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return average_areas(grey, height, width)
