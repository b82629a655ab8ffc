"""The extension's resampling gives Pillow's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.ops.resample import Axis, bilinear, resample

BILINEAR = Image.Resampling.BILINEAR


def picture(height: int, width: int, mode: str, seed: int = 0) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(levels if mode == "RGB" else levels[..., 0])


def ours(old: Image.Image, width: int, height: int, box: tuple[float, ...]) -> np.ndarray:
    across = bilinear(old.width, width, box[0], box[2])
    made = resample(old, across, bilinear(old.height, height, box[1], box[3]))
    assert made is not None
    return np.squeeze(made.transpose(1, 2, 0), 2) if len(made) == 1 else made.transpose(1, 2, 0)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_any_sizes_and_any_part_give_pillows_bytes(mode: str) -> None:
    draw = np.random.default_rng(1)
    for seed in range(120):
        wide, width, height = (int(n) for n in draw.integers(1, 70, 3))
        # A taller picture is resampled the other way round by Pillow.
        high = int(draw.integers(1, height + 2 * max(wide - width, 0) + 1))
        left, right = np.sort(draw.uniform(0, wide, 2)) if seed % 2 else (0.0, float(wide))
        top, bottom = np.sort(draw.uniform(0, high, 2)) if seed % 3 else (0.0, float(high))
        if wide == width or high == height or right - left < 0.1 or bottom - top < 0.1:
            continue
        old, box = picture(high, wide, mode, seed), (left, top, right, bottom)
        expected = np.asarray(old.resize((width, height), BILINEAR, box))
        np.testing.assert_array_equal(ours(old, width, height, box), expected, f"{old} {box}")


def test_black_and_white_stay_so() -> None:
    for level in (0, 255):
        old = Image.new("RGB", (90, 50), (level,) * 3)
        assert (ours(old, 32, 32, (0, 0, 90, 50)) == level).all()


def test_a_picture_in_several_blocks_of_memory_is_left_to_pillow() -> None:
    old, axis = Image.new("RGB", (4200, 1000)), bilinear(4200, 32, 0, 4200)
    assert resample(old, axis, bilinear(1000, 32, 0, 1000)) is None


def test_axes_that_leave_the_picture_are_refused() -> None:
    one = np.ones((2, 3), np.int32)
    for first in ([0, 5], [-1, 0]):
        with pytest.raises(InputError, match="names a pixel that is not there"):
            Axis(np.array(first, np.int32), one, 7)
    with pytest.raises(InputError, match="first"):
        Axis(np.zeros(3, np.int32), one, 7)
    with pytest.raises(InputError, match="other pixels than its size says"):
        resample(picture(5, 5, "L"), bilinear(6, 2, 0, 6), bilinear(5, 2, 0, 5))
    with pytest.raises(TypeError):
        _core.resample(object(), bilinear(5, 2, 0, 5), bilinear(5, 2, 0, 5))


def test_an_older_pillow_is_left_to_itself() -> None:
    axis = bilinear(5, 2, 0, 5)
    assert resample(object(), axis, axis) is None  # type: ignore[arg-type] # as before 11.2
