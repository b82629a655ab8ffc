"""Augmentation: the same changed pixels in every engine, on every machine, after every resume."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.training import all_losses, open_engine, settings

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.ops.augment import ONE, augment
from cnnkit.runs.state import read_state
from cnnkit.train import loop
from cnnkit.train.augmentation import PRESETS, read_policy
from cnnkit.train.augmented import draw_table, epoch_images
from cnnkit.train.trainer import TrainConfig, resume, train

pytestmark = pytest.mark.usefixtures("no_pictures")

SAME = [ONE, 0, 0, ONE, 0, 0, ONE, 0]


def place(at: int, size: int, border: str) -> int | None:
    """Return the pixel that stands for place `at` of a line; None for a black one."""
    at = min(max(at, -size), 2 * size + 1)
    if 0 <= at < size:
        return at
    if border == "black":
        return None
    padded = np.pad(np.arange(size), 2 * size + 2, "reflect")
    return int(padded[at + 2 * size + 2])


def reference(image: NDArray[np.uint8], row: NDArray[np.int32], border: str) -> NDArray[np.uint8]:
    """Return what runtime/augment.h says of one image [C, H, W], in Python's integers."""
    _, height, width = image.shape
    m = [int(number) for number in row]
    out = np.zeros_like(image)
    for c, y, x in np.ndindex(image.shape):
        u = min(max(m[0] * x + m[1] * y + m[4], -width * ONE), 2 * width * ONE)
        v = min(max(m[2] * x + m[3] * y + m[5], -height * ONE), 2 * height * ONE)
        fx, fy = (u >> 8) & 255, (v >> 8) & 255
        value = 0
        for down, weight_y in ((0, 256 - fy), (1, fy)):
            for right, weight_x in ((0, 256 - fx), (1, fx)):
                i, j = (
                    place((v >> 16) + down, height, border),
                    place((u >> 16) + right, width, border),
                )
                pixel = 0 if i is None or j is None else int(image[c, i, j])
                value += weight_y * weight_x * pixel
        toned = (((value + 32768) >> 16) * m[6] + m[7] + 32768) >> 16
        out[c, y, x] = min(max(toned, 0), 255)
    return out


@pytest.mark.parametrize("border", ["black", "reflect"])
@pytest.mark.parametrize("size", [(1, 9, 11), (3, 8, 5), (2, 1, 7), (1, 6, 1)])
def test_pixels_equal_the_reference_to_the_bit(size: tuple[int, int, int], border: str) -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (4, *size), np.uint8)
    table = np.stack([np.array(SAME, np.int64)] * 24)
    table[4:12, :4] += generator.integers(-20000, 20000, (8, 4))
    table[4:20, 4:6] += generator.integers(-4 * ONE, 4 * ONE, (16, 2))
    table[12:20, 6:] += generator.integers(-ONE, ONE, (8, 2)) * np.array([1, 90])
    table[20:, :6] = generator.integers(-30 * ONE, 30 * ONE, (4, 6))  # far outside
    table = table.astype(np.int32)
    order = generator.integers(0, 4, 24)
    found = augment(images, order, table, border, threads=1)
    for i, row in enumerate(table):
        np.testing.assert_array_equal(found[i], reference(images[order[i]], row, border), str(i))
    assert augment(images, order, table, border, threads=3).tobytes() == found.tobytes()


def test_a_row_that_changes_nothing_copies_the_image() -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, 3, 7, 9), np.uint8)
    order = np.array([4, 0, 2])
    table = np.array([SAME] * 3, np.int32)
    assert (augment(images, order, table, "reflect") == images[order]).all()


def test_each_operation_does_what_its_name_says() -> None:
    image = np.random.default_rng(2).integers(0, 256, (1, 1, 8, 8), np.uint8)
    split = Split(image, np.zeros(1, np.int64))

    def changed(**policy: Any) -> NDArray[np.uint8]:
        pixels = epoch_images(read_policy(policy), split, np.zeros(1, np.int64), 0, 1)
        assert pixels
        return pixels(slice(0, 1))[0, 0]

    plain = image[0, 0]
    np.testing.assert_array_equal(changed(flip=1.0), plain[:, ::-1])
    np.testing.assert_array_equal(changed(rotate=[180.0, 180.0]), plain[::-1, ::-1])
    shifted = np.pad(plain, ((2, 0), (2, 0)))[:8, :8]
    np.testing.assert_array_equal(changed(translate=[0.25, 0.25]), shifted)
    mirrored = np.pad(plain, ((2, 0), (2, 0)), "reflect")[:8, :8]
    np.testing.assert_array_equal(changed(translate=[0.25, 0.25], border="reflect"), mirrored)
    brighter = np.minimum(plain.astype(int) + 51, 255)
    np.testing.assert_array_equal(changed(brightness=[0.2, 0.2]), brighter)
    flat = np.rint(127.5 + 0.5 * (plain - 127.5))
    assert np.abs(changed(contrast=[0.5, 0.5]) - flat).max() <= 1
    enlarged = changed(scale=[2.0, 2.0]).astype(int)
    centre = plain[2:6, 2:6].astype(int)
    assert np.abs(enlarged[3:5, 3:5] - plain[3:5, 3:5]).max() <= np.ptp(centre)
    assert enlarged.min() >= centre.min()
    quarter = changed(rotate=[90.0, 90.0])
    assert (quarter == np.rot90(plain)).all() or (quarter == np.rot90(plain, -1)).all()
    sheared = changed(shear=[45.0, 45.0])  # rows move by their distance from the middle
    assert (sheared[3] != sheared[4]).any()


def test_the_pixels_are_the_same_on_every_machine() -> None:
    images = (np.arange(20 * 3 * 12 * 10) * 37 % 251).astype(np.uint8).reshape(20, 3, 12, 10)
    split = Split(images, np.zeros(20, np.int64))
    digest = hashlib.sha256()
    for name in ("digits", "natural"):
        pixels = epoch_images(PRESETS[name], split, np.arange(20), seed=3, epoch=2)
        assert pixels
        digest.update(pixels(slice(0, 20)).tobytes())
    assert digest.hexdigest()[:16] == "0881438f980a0ce5"


def test_parts_of_an_epoch_have_the_pixels_of_the_whole(mnist: Dataset) -> None:
    order = np.random.default_rng(0).permutation(60000)[:200]
    first, other = (epoch_images(PRESETS["digits"], mnist.train, order, 0, e) for e in (1, 2))
    assert first
    assert other
    whole = first(slice(0, 200))
    parts = [first(slice(i, min(i + 33, 200))) for i in range(0, 200, 33)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert first(slice(1, 200, 3)).tobytes() == whole[1::3].tobytes()
    assert other(slice(0, 200)).tobytes() != whole.tobytes()
    # Digits stay digits: nearly as much ink, in the middle.
    plain = mnist.train.images[order]
    assert 0.95 < whole.mean() / plain.mean() < 1.05
    assert (whole != plain).any(axis=(1, 2, 3)).all()


def test_draws_stay_in_their_ranges() -> None:
    table = draw_table(read_policy({"scale": [0.5, 0.8], "flip": 0.25}), (28, 28), 4000, 0, 1) / ONE
    assert 1.25 <= np.abs(table[:, 0]).min() <= np.abs(table[:, 0]).max() <= 2.0
    assert 0.2 < (table[:, 0] < 0).mean() < 0.3
    assert (table[:, 6:] == [1, 0]).all()


# In the engines


def test_both_engines_train_on_the_same_pixels(mnist: Dataset) -> None:
    order = np.random.default_rng(5).permutation(60000)[: 16 * 20 + 5]
    pixels = epoch_images(PRESETS["digits"], mnist.train, order, 0, 1)
    assert pixels
    shown = Split(pixels(slice(0, len(order))), mnist.train.labels[order])
    losses = []
    for name in ("native", "torch"):
        isa = None if name == "native" else name
        engine = open_engine(isa, settings(mnist.train))
        losses.append(all_losses(engine, order, 16, pixels))
        fixed = open_engine(isa, settings(shown))
        assert losses[-1] == all_losses(fixed, np.arange(len(order)), 16)
    np.testing.assert_allclose(*losses, rtol=0, atol=1e-5)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_an_interrupted_augmented_run_resumes_to_the_same_bits(
    engine: str, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def config(name: str) -> TrainConfig:
        return TrainConfig(
            data=small_data, epochs=2, engine=engine, augment="digits", output=tmp_path / name
        )

    train(config("whole"), pictures=False)
    original, calls = loop._add_epoch, []

    def fail_in_epoch_2(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        original(*arguments)

    monkeypatch.setattr(loop, "_add_epoch", fail_in_epoch_2)
    with pytest.raises(KeyboardInterrupt):
        train(config("cut"), pictures=False)
    monkeypatch.undo()
    resume(tmp_path / "cut", pictures=False)
    train(TrainConfig(data=small_data, epochs=2, engine=engine, output=tmp_path / "plain"))
    written = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "cut")]
    assert written[0] == written[1] != (tmp_path / "plain" / "weights.safetensors").read_bytes()


# Files


def test_a_file_of_operations_is_part_of_the_run(
    small_data: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('rotate = 15\nscale = [0.8, 1.0]\nflip = 0.5\nborder = "reflect"\n')
    run = tmp_path / "run"
    words = ("--data", small_data, "--epochs", 1, "--output", run, "--augment", file, "--quiet")
    assert cli("train", *words).exit_code == 0
    file.unlink()
    kept = json.loads((run / "config.json").read_text())["augment"]
    assert kept == {"rotate": [-15, 15], "scale": [0.8, 1.0], "flip": 0.5, "border": "reflect"}
    assert cli("train", "--resume", run, "--epochs", 2, "--quiet").exit_code == 0
    assert len(read_state(run).history) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rotat = 3", "has no operation 'rotat'. Did you mean rotate?"),
        ("cutout = 3", "has no operation 'cutout'. Use one of rotate, shear"),
        ("rotate = 200", "rotate is 200. Make it a range between -180 and 180."),
        ("scale = [1.2, 0.8]", "scale is [1.2, 0.8]. Make it a range between 0.5 and 2."),
        ('shear = "much"', "shear is 'much'. Make it a number, or the lowest"),
        ("shear = true", "shear is True"),
        ("shear = nan", "shear is nan"),
        (f"shear = {10**400}", "shear is 1000000"),
        ("flip = 2", "flip is 2. Make it a probability from 0 to 1."),
        ('border = "white"', "border is 'white'. Make it one of black, reflect."),
        ("rotate 3", "is not TOML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        TrainConfig(augment=str(file)).check()
    assert str(file) in str(refused.value)
    assert message in str(refused.value)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"--augment: is photos, .* none, digits, natural"):
        TrainConfig(augment="photos").check()
