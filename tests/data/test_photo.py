"""A user's picture becomes an image like MNIST's, for any size, colours and lighting."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import cnnkit
from cnnkit.data.dataset import Dataset
from cnnkit.data.digit.planes import average_areas
from cnnkit.data.digit.strokes import crop, place
from cnnkit.data.photo import prepare_picture
from cnnkit.errors import InputError, StorageError

Grey = NDArray[np.float64]


def drawing(
    digit: NDArray[np.uint8], side: int, shape: tuple[int, int], corner: tuple[int, int]
) -> Grey:
    """Strength of ink, 0 to 1 [H, W], of a digit uint8 [28, 28] drawn `side` pixels high."""
    big = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    ink = np.zeros(shape)
    top, left = corner
    ink[top : top + side, left : left + side] = np.asarray(big) / 255
    return ink


def photograph(ink: Grey, generator: np.random.Generator, noise: float = 8) -> NDArray[np.uint8]:
    """Dark ink on paper that is lit from a corner, dim at its edges, and noisy."""
    y, x = (axis / max(ink.shape) - 0.5 for axis in np.mgrid[: ink.shape[0], : ink.shape[1]])
    light = 0.9 + 0.3 * x + 0.2 * y - 0.4 * (x * x + y * y)
    return levels((230 - 180 * ink) * light + generator.normal(0, noise, ink.shape))


def levels(values: Grey) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def prepared(tmp_path: Path, pixels: NDArray[np.uint8], name: str = "x.png") -> NDArray[np.uint8]:
    Image.fromarray(pixels).save(tmp_path / name, compress_level=1)
    return prepare_picture(tmp_path / name)


@pytest.fixture(scope="module")
def ink(mnist: Dataset) -> Grey:
    """A seven, 200 pixels high, off-centre."""
    return drawing(mnist.test.images[0, 0], 200, (320, 400), (20, 150))


@pytest.fixture
def reference(tmp_path: Path, ink: Grey) -> NDArray[np.uint8]:
    return prepared(tmp_path, levels(255 - 255 * ink), "reference.png")


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean absolute difference where either has ink, the better of nine places.

    A centre of mass on the edge of a pixel may fall to either side of it.
    """
    shifted = [np.roll(other[0], (y, x), (0, 1)) for y in (0, 1, -1) for x in (0, 1, -1)]
    seen = [(one[0] > 0) | (image > 0) for image in shifted]
    gaps = [np.abs(one[0].astype(int) - image) for image in shifted]
    return min(float(gap[ink].mean()) for gap, ink in zip(gaps, seen, strict=True))


def test_mnist_cropped_and_placed_again_is_itself(mnist: Dataset) -> None:
    same = 0
    for image in mnist.test.images[:2000, 0]:
        again = place(crop(image / 255), (28, 28))
        same += int(np.abs(again.astype(int) - image).max() <= 3)
    assert same >= 1995


def test_an_mnist_image_as_a_picture_stays_what_it_is(mnist: Dataset, tmp_path: Path) -> None:
    for image in mnist.test.images[:50]:
        assert distance(prepared(tmp_path, image[0]), image) < 16


def test_the_result_is_uint8_with_light_ink_on_black(reference: NDArray[np.uint8]) -> None:
    assert reference.shape == (1, 28, 28)
    assert reference.dtype == np.uint8
    assert reference.max() == 255
    assert (reference == 0).sum() > 500
    rows, columns = (
        np.flatnonzero(reference[0].any(axis=1)),
        np.flatnonzero(reference[0].any(axis=0)),
    )
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20


def test_the_centre_of_mass_lies_in_the_middle_pixel(reference: NDArray[np.uint8]) -> None:
    mass = reference[0].astype(float)
    for axis in (0, 1):
        profile = mass.sum(axis=1 - axis)
        assert int((profile * (np.arange(28) + 0.5)).sum() / profile.sum()) == 14


def test_where_the_digit_lies_does_not_matter(
    mnist: Dataset, tmp_path: Path, reference: NDArray[np.uint8]
) -> None:
    for corner in ((0, 0), (120, 200), (60, 3)):
        moved = drawing(mnist.test.images[0, 0], 200, (320, 400), corner)
        assert distance(prepared(tmp_path, levels(255 - 255 * moved)), reference) < 16


def test_light_on_dark_is_the_same_as_dark_on_light(
    tmp_path: Path, ink: Grey, reference: NDArray[np.uint8]
) -> None:
    assert distance(prepared(tmp_path, levels(255 * ink)), reference) <= 1


def test_pale_ink_is_as_strong_as_dark_ink(
    tmp_path: Path, ink: Grey, reference: NDArray[np.uint8]
) -> None:
    assert distance(prepared(tmp_path, levels(225 - 50 * ink)), reference) < 6


def test_uneven_light_and_noise_are_not_ink(
    tmp_path: Path, ink: Grey, reference: NDArray[np.uint8]
) -> None:
    pixels = photograph(ink, np.random.default_rng(0))
    assert distance(prepared(tmp_path, pixels), reference) < 16


def test_a_speck_does_not_move_the_digit(
    tmp_path: Path, ink: Grey, reference: NDArray[np.uint8]
) -> None:
    dusty = ink.copy()
    dusty[300:306, 5:11] = 1
    assert distance(prepared(tmp_path, levels(255 - 255 * dusty)), reference) <= 1


def test_thin_strokes_come_out_as_strong_as_mnist_s(tmp_path: Path) -> None:
    pixels = np.full((600, 600), 240, np.uint8)
    pixels[100:500, 300:303] = 40
    pixels[100:103, 200:303] = 40
    image = prepared(tmp_path, pixels)[0]
    assert (image[6:24] > 150).any(axis=1).all()


def test_strokes_of_one_pixel_are_found_in_a_photo(tmp_path: Path) -> None:
    ink = np.zeros((240, 240))
    ink[60, 90:150] = 1
    for row in range(60, 180):  # a seven
        ink[row, 150 - (row - 60) // 3] = 1
    reference = prepared(tmp_path, levels(255 - 255 * ink), "reference.png")
    photo = photograph(ink, np.random.default_rng(0), noise=4)
    assert distance(prepared(tmp_path, photo, "photo.png"), reference) < 40
    assert distance(prepared(tmp_path, 255 - photo, "negative.png"), reference) < 40


def as_rgba(ink: NDArray[np.uint8], colour: int) -> Image.Image:
    plane = Image.new("L", (ink.shape[1], ink.shape[0]), colour)
    return Image.merge("RGBA", (plane, plane, plane, Image.fromarray(ink)))


MODES: dict[str, Callable[[Grey], tuple[Image.Image, str]]] = {
    "RGB": lambda ink: (Image.fromarray(levels(255 - 255 * ink)).convert("RGB"), "png"),
    "RGB JPEG": lambda ink: (Image.fromarray(levels(255 - 255 * ink)).convert("RGB"), "jpeg"),
    "CMYK JPEG": lambda ink: (Image.fromarray(levels(255 - 255 * ink)).convert("CMYK"), "jpeg"),
    "palette": lambda ink: (Image.fromarray(levels(255 - 255 * ink)).convert("P"), "gif"),
    "WebP": lambda ink: (Image.fromarray(levels(255 - 255 * ink)).convert("RGB"), "webp"),
    "black on nothing": lambda ink: (as_rgba(levels(255 * ink), 0), "png"),
    "white on nothing": lambda ink: (as_rgba(levels(255 * ink), 255), "png"),
    "grey and alpha": lambda ink: (as_rgba(levels(255 * ink), 0).convert("LA"), "png"),
    "16 bits": lambda ink: (Image.fromarray((65535 - 60000 * ink).astype(np.uint16)), "png"),
    "32 bits": lambda ink: (Image.fromarray((70000 - 60000 * ink).astype(np.int32)), "tiff"),
    "float": lambda ink: (Image.fromarray((1 - ink).astype(np.float32)), "tiff"),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_pixel_format_gives_the_same_digit(
    tmp_path: Path, ink: Grey, reference: NDArray[np.uint8], mode: str
) -> None:
    picture, kind = MODES[mode](ink)
    picture.save(tmp_path / f"x.{kind}")
    assert distance(prepare_picture(tmp_path / f"x.{kind}"), reference) < 10


def test_blue_on_black_is_enough_contrast(
    tmp_path: Path, ink: Grey, reference: NDArray[np.uint8]
) -> None:
    black = Image.new("L", (ink.shape[1], ink.shape[0]))
    Image.merge("RGB", (black, black, Image.fromarray(levels(255 * ink)))).save(tmp_path / "x.png")
    assert distance(prepare_picture(tmp_path / "x.png"), reference) < 30


def test_one_bit_pictures_work(tmp_path: Path, ink: Grey, reference: NDArray[np.uint8]) -> None:
    Image.fromarray(ink < 0.5).save(tmp_path / "x.png")
    assert distance(prepare_picture(tmp_path / "x.png"), reference) < 40


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (3, Image.Transpose.ROTATE_180),
        (6, Image.Transpose.ROTATE_90),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_a_photo_is_turned_as_its_camera_says(
    tmp_path: Path,
    ink: Grey,
    reference: NDArray[np.uint8],
    orientation: int,
    stored: Image.Transpose,
) -> None:
    picture = Image.fromarray(levels(255 - 255 * ink)).transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "x.jpeg", exif=exif, quality=95)
    assert distance(prepare_picture(tmp_path / "x.jpeg"), reference) < 10


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (20, 40)])
def test_the_result_has_the_size_that_was_asked_for(
    tmp_path: Path, ink: Grey, size: tuple[int, int]
) -> None:
    Image.fromarray(levels(255 - 255 * ink)).save(tmp_path / "x.png")
    assert prepare_picture(tmp_path / "x.png", size).shape == (1, *size)


@pytest.mark.parametrize("shape", [(4000, 3), (3, 4000), (9, 9), (1200, 5000)])
def test_odd_sizes_and_shapes_are_prepared(tmp_path: Path, shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 250, np.uint8)
    height, width = shape
    pixels[height // 3 : height // 3 + max(1, height // 3), width // 2] = 0
    pixels[:, width // 3 : width // 3 + max(1, width // 8)][height // 2 :] = 0
    assert prepared(tmp_path, pixels).max() == 255


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((28, 28), np.uint8),
        np.full((1, 1), 77, np.uint8),
        np.full((300, 200), 255, np.uint8),
        levels(np.random.default_rng(0).normal(200, 12, (600, 400))),
        levels(np.add.outer(np.linspace(60, 140, 300), np.linspace(0, 90, 300))),
    ],
    ids=["black", "one pixel", "white", "noise", "a gradient"],
)
def test_a_blank_picture_is_refused(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match=r"x\.png: is blank"):
        prepared(tmp_path, pixels)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_file_that_is_no_picture_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.png: is "):
        prepare_picture(tmp_path / "x.png")


def test_a_picture_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        prepare_picture(tmp_path / "nowhere.png")


def test_a_decompression_bomb_is_refused(
    tmp_path: Path, ink: Grey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match="too many pixels"):
        prepared(tmp_path, levels(255 - 255 * ink))


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "tiff", "webp", "bmp"])
def test_damaged_pictures_give_an_answer_or_an_input_error(
    tmp_path: Path, ink: Grey, kind: str
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(levels(255 - 255 * ink[::4, ::4])).convert("RGB").save(buffer, kind)
    whole = buffer.getvalue()
    generator = np.random.default_rng(5)
    path = tmp_path / "x"
    refused = 0
    for _ in range(60):
        content = bytearray(whole[: int(generator.integers(1, len(whole) + 1))])
        for at in generator.integers(0, len(content), 5):
            content[at] = generator.integers(0, 256)
        path.write_bytes(content)
        try:
            prepare_picture(path)
        except InputError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize(("old", "new"), [(5, 5), (10, 5), (7, 3), (3, 8), (1, 4), (250, 20)])
def test_averaging_areas_keeps_the_mean(old: int, new: int) -> None:
    plane = np.random.default_rng(old).random((old, old + 2))
    small = average_areas(plane, new, new)
    assert small.shape == (new, new)
    assert small.mean() == pytest.approx(plane.mean())


def test_digits_photographed_from_paper_are_recognised_like_the_originals(
    mnist: Dataset, weights_file: Path, tmp_path: Path
) -> None:
    model = cnnkit.load(weights_file)
    generator = np.random.default_rng(2)
    originals, labels = mnist.test.images[:60], mnist.test.labels[:60]
    pictures = []
    for n, image in enumerate(originals):
        side = int(generator.integers(90, 260))
        corner = (int(generator.integers(0, 300 - side)), int(generator.integers(0, 400 - side)))
        pixels = photograph(drawing(image[0], side, (300, 400), corner), generator)
        pixels = 255 - pixels if n % 2 else pixels
        Image.fromarray(pixels).save(tmp_path / "x.jpeg", quality=80)
        pictures.append(prepare_picture(tmp_path / "x.jpeg"))
    of_originals = float((model(originals).label == labels).mean())
    of_pictures = float((model(np.stack(pictures)).label == labels).mean())
    assert of_pictures >= 0.95 * of_originals
