"""Bring a picture to the network's size and colour: `fit_picture(picture, preprocessing)`.

Pillow is the reference: the C and JavaScript routines of the host apps return the same bytes.
Its versions differ in which pictures they resample along the columns first, instead of along the
rows. Here that is as in Pillow 13, so that the bytes are the same with all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnnkit.errors import InputError
from cnnkit.graph.preprocessing import Preprocessing, Resize
from cnnkit.ops import resample as ops

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
COLOUR_MODES = {"gray": "L", "rgb": "RGB"}

Size = tuple[int, int]  # width, height, as in Pillow
Box = tuple[float, float, float, float]  # left, top, right, bottom


def fit_picture(picture: Image.Image, record: Preprocessing) -> NDArray[np.uint8]:
    """Return a picture as the network expects it: uint8 [C, H, W].

    A transparent picture is composited over white, then converted to the record's colour, then
    resized as the record says. Where Pillow would keep nothing of a very narrow picture that is
    padded, one row or column of pixels is kept.

    Args:
        picture: the decoded picture, of any mode, turned as it is to be seen.
        record: size, colour and resize are used; there must be no recipe.

    Raises:
        InputError: the picture's size is wrong and the record says that there is no resampling, or
            nothing is defined for such a record.
    """
    _, height, width = record.size
    mode = COLOUR_MODES.get(record.colour)
    if record.recipe or mode is None:
        raise _undefined(f"a network for {record.colours}")
    fit = FITS.get(record.resize.mode)
    if fit is None:
        raise _undefined(f"resize mode {record.resize.mode!r}")
    return fit(to_colour(picture, mode), (width, height), record.resize)


def to_colour(picture: Image.Image, mode: str) -> Image.Image:
    """Return a picture without transparency in mode "L" or "RGB"."""
    if picture.mode == mode and "transparency" not in picture.info:
        return picture
    if picture.mode[0] in "IF":
        picture = _to_8_bits(picture)
    if "A" in picture.getbands() or "a" in picture.mode or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    if picture.mode not in ("1", "L", "RGB"):
        picture = picture.convert("RGB")
    return picture if picture.mode == mode else picture.convert(mode)


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """Scale gray levels of 16 bits, or floating-point ones from 0 to 1 or from 0 to 255."""
    if picture.mode == "F":
        values = np.nan_to_num(np.array(picture, np.float64), copy=False)
        values *= 255 if values.size and values.min() >= 0 and values.max() <= 1 else 1
        levels = np.floor(np.clip(values, 0, 255) + 0.5)
    else:
        levels = (np.clip(np.array(picture, np.int64), 0, 65535) + 128) // 257
    return Image.fromarray(levels.astype(np.uint8))


def _keep(picture: Image.Image, size: Size, resize: Resize) -> NDArray[np.uint8]:
    if picture.size != size:
        found, wanted = (f"{width}x{height}" for width, height in (picture.size, size))
        raise InputError("picture", f"is {found} pixels, not {wanted}", f"make it {wanted}")
    return _planes(picture)


def _stretch(picture: Image.Image, size: Size, resize: Resize) -> NDArray[np.uint8]:
    return resample(picture, size, _filter(resize), (0, 0, *picture.size))


def _crop(picture: Image.Image, size: Size, resize: Resize) -> NDArray[np.uint8]:
    return resample(picture, size, _filter(resize), centred(picture.size, size))


def _pad(picture: Image.Image, size: Size, resize: Resize) -> NDArray[np.uint8]:
    inner = contained(picture.size, size)
    fitted = resample(picture, inner, _filter(resize), (0, 0, *picture.size))
    if inner == size:
        return fitted
    left, top = (round((most - side) / 2) for most, side in zip(size, inner, strict=True))
    result = np.full((len(fitted), size[1], size[0]), resize.fill, np.uint8)
    result[:, top : top + inner[1], left : left + inner[0]] = fitted
    return result


def _planes(picture: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(picture, np.uint8).reshape(picture.height, picture.width, -1)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


FITS: dict[str, Callable[[Image.Image, Size, Resize], NDArray[np.uint8]]] = {
    "none": _keep,
    "stretch": _stretch,
    "pad": _pad,
    "crop": _crop,
}


def contained(old: Size, size: Size) -> Size:
    """Return the largest size within `size` that has the sides' ratio of `old`, as Pillow does."""
    (width, height), (most_width, most_height) = old, size
    if width / height > most_width / most_height:
        return most_width, max(1, round(height / width * most_width))
    if width / height < most_width / most_height:
        return max(1, round(width / height * most_height)), most_height
    return size


def centred(old: Size, size: Size) -> Box:
    """Return the largest part of `old` that has the sides' ratio of `size`, as Pillow does."""
    width, height = map(float, old)
    wanted = size[0] / size[1]
    if old[0] / old[1] > wanted:
        width = wanted * old[1]
    elif old[0] / old[1] < wanted:
        height = old[0] / wanted
    left, top = (old[0] - width) * 0.5, (old[1] - height) * 0.5
    return left, top, left + width, top + height


def resample(
    picture: Image.Image, size: Size, how: Image.Resampling, box: Box
) -> NDArray[np.uint8]:
    """Return a part of a picture in another size, uint8 [C, H, W], as Pillow 13 resizes it."""
    width, height = picture.size
    less_wide, less_high = width - size[0], height - size[1]
    if less_high > max(0, 2 * less_wide):
        made = picture.resize((width, size[1]), how, (0, box[1], width, box[3]))
        return _planes(made.resize(size, how, (box[0], 0, box[2], size[1])))
    if how is FILTERS["bilinear"] and less_wide and less_high:  # nearly every picture
        across = ops.bilinear(width, size[0], box[0], box[2])
        down = ops.bilinear(height, size[1], box[1], box[3])
        planes = ops.resample(picture, across, down)
        if planes is not None:
            return planes
    return _planes(picture.resize(size, how, box))  # every version takes the rows first here


def _filter(resize: Resize) -> Image.Resampling:
    known = FILTERS.get(resize.filter or "")
    if known is None or not (resize.antialias or known is Image.Resampling.NEAREST):
        antialias = "" if resize.antialias else " without antialias"
        raise _undefined(f"resize filter {resize.filter!r}{antialias}")
    return known


def _undefined(what: str) -> InputError:
    return InputError(
        "preprocessing",
        f"{what} takes no pictures",
        "prepare the pixels yourself and pass them as an array",
    )
