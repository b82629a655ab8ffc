"""A picture of any mode and size becomes the network's input, by Pillow's own operations."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cnnkit.data.fitting import FILTERS, FITS, fit_picture
from cnnkit.errors import InputError
from cnnkit.graph.preprocessing import RESIZE_FILTERS, RESIZE_MODES, Preprocessing, Resize

STRETCH = Resize("stretch", "bilinear", True)
PAD = Resize("pad", "bilinear", True, 7)
CROP = Resize("crop", "bilinear", True)

# Older versions resample such a picture in another order; fit_picture does as the newest.
TALL = [(90, 20)] if int(PIL.__version__.split(".")[0]) >= 13 else []


def record(size: tuple[int, int, int], resize: Resize = STRETCH) -> Preprocessing:
    colour = {1: "gray", 3: "rgb"}[size[0]]
    return Preprocessing(size, colour, (0.0,) * size[0], (1.0,) * size[0], resize=resize)


def noise(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def planes(picture: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("old", [(31, 47), (8, 5), (5, 90), *TALL])
def test_every_mode_of_resizing_is_pillows_own(filter: str, old: tuple[int, int]) -> None:
    picture, how = Image.fromarray(noise((*old, 3))), FILTERS[filter]
    for mode, expected in {
        "stretch": picture.resize((12, 10), how),
        "pad": ImageOps.pad(picture, (12, 10), how, color=(7, 7, 7)),
        "crop": ImageOps.fit(picture, (12, 10), how),
    }.items():
        found = fit_picture(picture, record((3, 10, 12), Resize(mode, filter, True, 7)))
        np.testing.assert_array_equal(found, planes(expected))


def test_a_tall_picture_is_resampled_along_its_columns_first() -> None:
    # The means of the columns are 1 and 1.6, that is 2, and their mean 1.5 becomes 2; those of the
    # rows are 1, 2, 2, 1, 1 after rounding, and their mean 1.4 would become 1.
    levels = [[1, 1], [2, 2], [2, 2], [0, 1], [0, 2]]
    picture = Image.fromarray(np.array(levels, np.uint8))
    found = fit_picture(picture, record((1, 1, 1), Resize("stretch", "box", True)))
    assert found.tolist() == [[[2]]]


def test_gray_of_colour_and_colour_of_gray_are_pillows() -> None:
    coloured, gray = Image.fromarray(noise((9, 8, 3))), Image.fromarray(noise((9, 8)))
    shape = (9, 8)
    of_colour = fit_picture(coloured, record((1, *shape)))
    np.testing.assert_array_equal(of_colour, planes(coloured.convert("L")))
    of_gray = fit_picture(gray, record((3, *shape)))
    np.testing.assert_array_equal(of_gray, np.repeat(planes(gray), 3, axis=0))


def test_a_transparent_picture_is_seen_on_white() -> None:
    layer = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [10, 20, 30, 51]]], np.uint8)
    found = fit_picture(Image.fromarray(layer), record((3, 1, 3)))
    assert found[:, 0].T.tolist() == [[255, 255, 255], [10, 20, 30], [206, 208, 210]]
    gray = Image.merge("LA", [Image.new("L", (1, 1), 100), Image.new("L", (1, 1), 51)])
    assert fit_picture(gray, record((1, 1, 1))).tolist() == [[[224]]]


def test_transparent_colours_of_a_palette_are_seen_on_white() -> None:
    for picture in (Image.new("P", (2, 2), 1), Image.new("L", (2, 2), 1)):
        if picture.mode == "P":
            picture.putpalette([0, 0, 0, 200, 100, 50])
        file = io.BytesIO()
        picture.save(file, "png", transparency=1)
        assert fit_picture(Image.open(file), record((3, 2, 2))).min() == 255
    picture = Image.new("P", (2, 2), 1)
    picture.putpalette([0, 0, 0, 200, 100, 50])
    assert fit_picture(picture, record((3, 1, 1))).ravel().tolist() == [200, 100, 50]
    assert fit_picture(picture, record((1, 1, 1))).ravel().tolist() == [124]


def test_levels_of_16_bits_are_scaled_to_8_bits() -> None:
    levels = [0, 128, 129, 257, 32768, 65407, 65535]
    expected = [0, 0, 1, 1, 128, 255, 255]
    deep = np.array([levels], np.uint16)
    pictures = [Image.fromarray(deep), Image.fromarray(deep.astype(np.int32))]
    pictures.append(Image.frombytes("I;16B", (7, 1), deep.astype(">u2").tobytes()))
    for picture in pictures:
        assert fit_picture(picture, record((1, 1, 7))).ravel().tolist() == expected, picture.mode


def test_floating_point_levels_may_end_at_1_or_at_255() -> None:
    for levels, expected in (
        ([0, 0.5, 1], [0, 128, 255]),
        ([-3, 127.5, 300], [0, 128, 255]),
        ([np.nan, 0, 2], [0, 0, 2]),
    ):
        picture = Image.fromarray(np.array([levels], np.float32))
        assert fit_picture(picture, record((1, 1, 3))).ravel().tolist() == expected


@pytest.mark.parametrize("mode", ["1", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "RGBa", "LA", "PA"])
def test_every_mode_of_pixels_fits(mode: str) -> None:
    source = Image.fromarray(noise((6, 5))) if mode == "1" else Image.fromarray(noise((6, 5, 3)))
    picture = source.convert("RGBA").convert(mode) if mode[-1] in "aA" else source.convert(mode)
    for size in ((1, 6, 5), (3, 6, 5)):
        expected = picture.convert("RGB").convert("L" if size[0] == 1 else "RGB")
        np.testing.assert_array_equal(fit_picture(picture, record(size)), planes(expected))


@pytest.mark.parametrize("resize", [STRETCH, PAD, CROP])
@pytest.mark.parametrize("size", [(1, 20000), (20000, 1), (1, 1)])
def test_the_narrowest_pictures_fit(resize: Resize, size: tuple[int, int]) -> None:
    found = fit_picture(Image.new("L", size, 200), record((1, 8, 8), resize))
    assert found.shape == (1, 8, 8)
    assert (found == 200).any()
    assert set(np.unique(found)) <= {7, 200}


def test_a_picture_without_resampling_must_have_the_size() -> None:
    pixels = noise((4, 5))
    record_ = record((1, 4, 5), Resize())
    np.testing.assert_array_equal(fit_picture(Image.fromarray(pixels), record_)[0], pixels)
    with pytest.raises(InputError, match=r"is 4x5 pixels, not 5x4"):
        fit_picture(Image.fromarray(pixels.T.copy()), record_)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"recipe": "mnist"}, "white digit on black"),
        ({"size": (4, 2, 2), "colour": "channels"}, "channels as in the data set"),
        ({"resize": Resize("zoom", "bilinear", True)}, "resize mode 'zoom'"),
        ({"resize": Resize("pad", "sinc", True)}, "resize filter 'sinc'"),
        ({"resize": Resize("pad", None, True)}, "resize filter None"),
        ({"resize": Resize("pad", "bilinear", False)}, "'bilinear' without antialias"),
    ],
)
def test_an_undefined_record_is_refused(changed: dict[str, Any], reason: str) -> None:
    base: dict[str, Any] = {"size": (1, 2, 2), "colour": "gray", "mean": (0.0,), "std": (1.0,)}
    with pytest.raises(InputError, match=reason):
        fit_picture(Image.new("L", (3, 3)), Preprocessing(**(base | changed)))


def test_every_mode_and_filter_of_a_record_is_known() -> None:
    assert (tuple(FITS), tuple(FILTERS)) == (RESIZE_MODES, RESIZE_FILTERS)
