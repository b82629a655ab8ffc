"""Digits are found in tight crops, frames, ruled paper, scans, shadows and colours alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

import cnnkit
from cnnkit.data.dataset import Dataset
from cnnkit.data.digit.find import find_digit
from cnnkit.data.digit.shadow import relit
from cnnkit.data.digit.strokes import crop, even_out, place
from cnnkit.data.photo import prepare_digit, to_working_size
from cnnkit.errors import InputError
from cnnkit.runtimes.classifier import Classifier

Grey = NDArray[np.float64]
COUNT = 34


def on_page(ink: NDArray[np.uint8], generator: np.random.Generator) -> Grey:
    """Strength of ink, 0 to 1, of a digit 112 to 168 pixels high on a page, off its middle."""
    side = int(generator.integers(112, 168))
    page = np.zeros((side + 60, side + 90))
    top, left = generator.integers(10, 40), generator.integers(10, 70)
    big = Image.fromarray(ink).resize((side, side), Image.Resampling.BICUBIC)
    page[top : top + side, left : left + side] = np.asarray(big) / 255
    return page


def tight(ink: NDArray[np.uint8], generator: np.random.Generator) -> Grey:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return np.asarray(cut.resize((7 * cut.width, 7 * cut.height), Image.Resampling.BICUBIC)) / 255


def framed(ink: NDArray[np.uint8], generator: np.random.Generator) -> Grey:
    page = np.pad(on_page(ink, generator), 20)
    for side in (8, -11):
        page[side : side + 3, 8:-8] = page[8:-8, side : side + 3] = 0.9
    return page


def ruled(ink: NDArray[np.uint8], generator: np.random.Generator) -> Grey:
    page = on_page(ink, generator)
    page[int(generator.integers(5, 40)) :: 43] = 0.6
    page[int(generator.integers(5, 40)) + 1 :: 43] = 0.6
    return page


def squared(ink: NDArray[np.uint8], generator: np.random.Generator) -> Grey:
    page = ruled(ink, generator)
    across = int(generator.integers(5, 40))
    page[:, across::51] = np.maximum(page[:, across::51], 0.6)
    return page


def with_edges(ink: NDArray[np.uint8], generator: np.random.Generator) -> Grey:
    page = on_page(ink, generator)
    page[: int(generator.integers(3, 12))] = page[:, -int(generator.integers(3, 12)) :] = 1
    return page


def bold(ink: NDArray[np.uint8], generator: np.random.Generator) -> Grey:
    page = np.uint8(np.clip(255 * on_page(ink, generator), 0, 255))
    return np.asarray(Image.fromarray(page).filter(ImageFilter.MaxFilter(5))) / 255


INKS: dict[str, Callable[[NDArray[np.uint8], np.random.Generator], Grey]] = {
    "on a page": on_page,
    "cropped tightly": tight,
    "in a frame": framed,
    "on ruled paper": ruled,
    "on squared paper": squared,
    "with the dark edges of a scan": with_edges,
    "in bold strokes": bold,
}


def grey(page: Grey) -> Image.Image:
    return Image.fromarray(np.uint8(np.rint(np.clip(240 - 210 * page, 0, 255))))


def shaded(page: Grey) -> Image.Image:
    """A page with a hard shadow across it."""
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    light = np.where(x + 0.3 * y > 0.6 * page.shape[1], 0.5, 1)
    return Image.fromarray(np.uint8((240 - 210 * page) * light))


def red_on_green(page: Grey) -> Image.Image:
    """Ink and paper of the same luma."""
    red, green = np.array([220.0, 40, 40]), np.array([58.0, 120, 58])
    return Image.fromarray(np.uint8(np.rint(green + page[..., None] * (red - green))))


Strokes = list[list[tuple[float, float]]]  # x, y as shares of the picture's side
DRAWINGS: dict[str, Strokes] = {
    "upright": [[(0.5, 0.15), (0.5, 0.85)]],
    "off the middle": [[(0.3, 0.3), (0.3, 0.94)]],
    "to the edge": [[(0.714, 0.5), (0.714, 1.0)]],
    "slanted": [[(0.7, 0.2), (0.4, 0.8)]],
    "a 1 with a flag": [[(0.42, 0.25), (0.55, 0.1), (0.55, 0.9)]],
    "a 1 with a foot": [[(0.42, 0.25), (0.55, 0.1), (0.55, 0.85)], [(0.25, 0.85), (0.8, 0.85)]],
    "a 7 with a bar": [[(0.2, 0.15), (0.8, 0.15), (0.4, 0.9)], [(0.2, 0.5), (0.8, 0.5)]],
    "a 4 that is closed": [[(0.6, 0.95), (0.6, 0.1), (0.15, 0.65), (0.9, 0.65)]],
    "a 4 of two strokes": [[(0.3, 0.2), (0.15, 0.6), (0.9, 0.6)], [(0.6, 0.1), (0.6, 0.95)]],
}


SHIFTS = [(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)]


def drawn(strokes: Strokes, side: int, share: float) -> Grey:
    """Strength of ink, 0 to 1, of strokes with round ends, `share` of the side wide."""
    picture = Image.new("L", (side, side))
    pen, radius = ImageDraw.Draw(picture), share * side / 2
    for stroke in strokes:
        points = [(x * side, y * side) for x, y in stroke]
        pen.line(points, fill=255, width=round(share * side), joint="curve")
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(picture) / 255


@pytest.fixture(scope="module")
def model(weights_file: Path) -> Classifier:
    return cnnkit.load(weights_file)


def share_right(
    mnist: Dataset,
    model: Classifier,
    folder: Path,
    draw: Callable[[NDArray[np.uint8], int], Image.Image],
) -> float:
    prepared = []
    for number, image in enumerate(mnist.test.images[:COUNT, 0]):
        draw(image, number).save(folder / "x.png", compress_level=1)
        prepared.append(prepare_digit(folder / "x.png").image)
    return float((model(np.stack(prepared)).label == mnist.test.labels[:COUNT]).mean())


@pytest.mark.parametrize("polarity", ["dark on light", "light on dark"])
@pytest.mark.parametrize("kind", INKS)
def test_a_digit_is_found_wherever_it_is(
    mnist: Dataset, model: Classifier, tmp_path: Path, kind: str, polarity: str
) -> None:
    def draw(image: NDArray[np.uint8], number: int) -> Image.Image:
        picture = grey(INKS[kind](image, np.random.default_rng(number)))
        return picture if polarity == "dark on light" else picture.point(lambda level: 255 - level)

    images, labels = mnist.test.images[:COUNT], mnist.test.labels[:COUNT]
    direct = float((model(images).label == labels).mean())
    assert share_right(mnist, model, tmp_path, draw) >= direct - 0.06


@pytest.mark.parametrize("paint", [shaded, red_on_green], ids=["hard shadow", "red on green"])
def test_a_digit_is_found_in_any_light_and_colour(
    mnist: Dataset, model: Classifier, tmp_path: Path, paint: Callable[[Grey], Image.Image]
) -> None:
    def draw(image: NDArray[np.uint8], number: int) -> Image.Image:
        return paint(on_page(image, np.random.default_rng(number)))

    images, labels = mnist.test.images[:COUNT], mnist.test.labels[:COUNT]
    direct = float((model(images).label == labels).mean())
    assert share_right(mnist, model, tmp_path, draw) >= direct - 0.06


@pytest.mark.parametrize("polarity", ["dark on light", "light on dark"])
@pytest.mark.parametrize("name", DRAWINGS)
def test_straight_strokes_are_ink_and_no_ruled_lines(
    tmp_path: Path, name: str, polarity: str
) -> None:
    for side, share in ((100, 0.05), (560, 0.0714)):
        ink = drawn(DRAWINGS[name], side, share)
        levels = 1 - ink if polarity == "dark on light" else ink
        Image.fromarray(np.uint8(255 * levels)).save(tmp_path / "x.png", compress_level=1)
        wanted = place(even_out(crop(to_working_size(255 * ink) / 255)), (28, 28))
        found = prepare_digit(tmp_path / "x.png")
        # The edges of strokes may move a centre of mass between two pixels.
        moved = [np.roll(found.image[0].astype(int), by, (0, 1)) for by in SHIFTS]
        assert min(np.abs(each - wanted).mean() for each in moved) < 6
        assert not found.several


def test_a_lone_stroke_is_found_in_a_photograph(tmp_path: Path, model: Classifier) -> None:
    for number, (x, share) in enumerate(((0.5, 0.07), (0.35, 0.05), (0.7, 0.1))):
        ink = drawn([[(x, 0.15), (x, 0.8)]], 200, share)
        noise = np.random.default_rng(number).normal(0, 4, ink.shape)
        levels = (235 - 190 * ink) * np.linspace(0.8, 1, 200) + noise
        Image.fromarray(np.uint8(np.clip(levels, 0, 255))).save(tmp_path / "x.png")
        assert model(prepare_digit(tmp_path / "x.png").image).label == 1


def test_a_picture_of_8x8_pixels_is_enlarged_smoothly(
    mnist: Dataset, model: Classifier, tmp_path: Path
) -> None:
    def draw(image: NDArray[np.uint8], number: int) -> Image.Image:
        cut = Image.fromarray(image).crop((4, 4, 24, 24))
        return cut.resize((8, 8), Image.Resampling.BOX).point(lambda level: 255 - level)

    assert share_right(mnist, model, tmp_path, draw) >= 0.7


def coarse(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A digit of MNIST's in 8x8 pixels: enlarged, its strokes have wide outlines."""
    cut = Image.fromarray(image).crop((4, 4, 24, 24))
    return np.asarray(cut.resize((8, 8), Image.Resampling.BOX))


def test_a_tight_crop_is_as_large_as_a_digit_with_a_margin(mnist: Dataset, tmp_path: Path) -> None:
    gaps = []
    for image in mnist.test.images[:8, 0]:
        small = coarse(image)
        small = small[np.ix_((small > 30).any(axis=1), (small > 30).any(axis=0))]
        seen = []
        for margin in (0, 2):
            cut = Image.fromarray(np.pad(small, margin))
            big = cut.resize((16 * cut.width, 16 * cut.height), Image.Resampling.BICUBIC)
            grey(np.asarray(big) / 255).save(tmp_path / "x.png", compress_level=1)
            seen.append(prepare_digit(tmp_path / "x.png").image[0].astype(int))
        moved = [np.roll(seen[0], by, (0, 1)) for by in SHIFTS]
        gaps.append(min(np.abs(each - seen[1]).mean() for each in moved))
    assert np.mean(gaps) < 4


def test_light_between_grainy_strokes_is_no_ink(mnist: Dataset) -> None:
    zeros = np.flatnonzero(mnist.test.labels[:26] == 0)
    for number, image in enumerate(mnist.test.images[zeros, 0]):
        generator = np.random.default_rng(number)
        big = Image.fromarray(np.pad(coarse(image), 1)).resize((140, 140), Image.Resampling.BICUBIC)
        ink = np.pad(np.asarray(big) / 255, 30)
        grain = np.clip(generator.normal(0.75, 0.25, ink.shape), 0, 1)
        found = find_digit(np.rint(236 - 90 * ink * grain + generator.normal(0, 2, ink.shape)))
        assert found is not None
        top, bottom, left, right = found.box
        assert found.ink.shape == (bottom - top, right - left)
        assert ink[top:bottom, left:right][found.ink > 0.5].mean() > 0.5


def test_lines_without_a_digit_are_blank(tmp_path: Path) -> None:
    page = np.zeros((240, 300))
    page[20::40] = page[21::40] = 0.7
    grey(page).save(tmp_path / "x.png")
    with pytest.raises(InputError, match="is blank"):
        prepare_digit(tmp_path / "x.png")


def test_digits_side_by_side_are_several(mnist: Dataset, tmp_path: Path) -> None:
    images = mnist.test.images[:, 0]
    for number in range(20):
        pair = np.hstack([images[number], images[number + 1]]) / 255
        grey(np.kron(pair, np.ones((4, 4)))).save(tmp_path / "x.png")
        assert prepare_digit(tmp_path / "x.png").several
        grey(np.kron(images[number] / 255, np.ones((4, 4)))).save(tmp_path / "x.png")
        assert not prepare_digit(tmp_path / "x.png").several


def test_an_animation_is_read_from_its_first_frame_that_shows_something(
    mnist: Dataset, tmp_path: Path
) -> None:
    digit = grey(np.kron(mnist.test.images[0, 0] / 255, np.ones((4, 4))))
    blank = Image.new("L", digit.size, 240)
    blank.save(tmp_path / "x.gif", save_all=True, append_images=[blank, digit])
    digit.save(tmp_path / "still.gif")
    moving, still = (prepare_digit(tmp_path / name).image for name in ("x.gif", "still.gif"))
    assert np.abs(moving.astype(int) - still).max() <= 2


@pytest.mark.parametrize("kind", ["on a page", "cropped tightly", "with the dark edges of a scan"])
def test_a_stroke_is_no_edge_of_a_shadow(mnist: Dataset, kind: str) -> None:
    for number, image in enumerate(mnist.test.images[:COUNT, 0]):
        levels = np.asarray(grey(INKS[kind](image, np.random.default_rng(number))), float)
        assert relit(levels) is levels


def test_the_edge_of_a_shadow_leaves_no_ink() -> None:
    page = np.zeros((200, 260))
    assert np.abs(relit(np.asarray(shaded(page), float)) - 240).max() <= 2
    page[60:140, 100:112] = 1  # a stroke in the light, beside the shadow
    found = find_digit(np.asarray(shaded(page), float))
    assert found is not None
    assert found.box == (60, 140, 100, 112)
