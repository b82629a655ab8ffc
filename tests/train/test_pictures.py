"""A run's pictures of images: the surest mistakes, and augmented examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnkit.data.dataset import Split
from cnnkit.data.load import load_dataset
from cnnkit.runs.state import read_state
from cnnkit.runtimes.loader import load
from cnnkit.train import pictures
from cnnkit.train.augmentation import PRESETS
from cnnkit.train.trainer import TrainConfig, resume, train


def test_the_surest_mistakes_come_first() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.05, 0.95], [0.5, 0.5]])
    found = pictures.worst_mistakes(np.log(p), np.array([0, 0, 0, 0, 1]))
    assert found == [(3, 1, 0.95), (1, 1, 0.8), (2, 1, 0.6), (4, 0, 0.5)]
    assert pictures.worst_mistakes(np.log(p), np.array([0, 0, 0, 0, 1]), 2) == found[:2]
    assert pictures.worst_mistakes(np.log(p[:1]), np.zeros(1, np.int64)) == []


def test_a_run_draws_the_mistakes_of_its_kept_network(small_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    config = TrainConfig(data=small_data, epochs=1, augment="digits", output=folder)
    result = train(config)
    assert {folder / "errors.png", folder / "augment.png"} <= set(result.pictures)
    test = load_dataset("mnist", small_data, quiet=True).test
    shares = load(folder)(test.images).probabilities
    kept = read_state(folder).mistakes
    assert len(kept) == 25
    wrong = np.where(shares.argmax(1) != test.labels, shares.max(1), 0)
    for (index, predicted, probability), share in zip(kept, np.sort(wrong)[::-1], strict=False):
        assert shares[index].argmax() == predicted != test.labels[index]
        assert probability == pytest.approx(float(share), abs=1e-5)
        assert probability == pytest.approx(float(shares[index, predicted]), abs=1e-5)
    (folder / "errors.png").unlink()
    resume(folder, epochs=2)
    with Image.open(folder / "errors.png") as picture:
        assert picture.format == "PNG"


def test_examples_stand_beside_their_original(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 16, 20), np.uint8)
    pictures.draw_augmented(
        PRESETS["natural"], Split(images, np.zeros(3, np.int64)), 0, tmp_path / "a.png"
    )
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == ((3 * 18 - 2) * 4, (8 * 22 - 2) * 4, 3)
    shown = pixels[::4, ::4]
    for row, image in enumerate(images):
        original = shown[row * 18 : row * 18 + 16, :20]
        np.testing.assert_array_equal(original, image.transpose(1, 2, 0))
        assert (shown[row * 18 : row * 18 + 16, 22:42] != original).any()


@pytest.mark.parametrize("name", ["$x", "ein sehr langer Name 日本", "a\nb"])
def test_any_class_name_and_few_mistakes_can_be_drawn(name: str, tmp_path: Path) -> None:
    split = Split(np.zeros((2, 2, 1, 9), np.uint8), np.array([0, 1]))
    pictures.draw_mistakes([(0, 1, 0.75)], split, [name, "b"], tmp_path / "e.png")
    with Image.open(tmp_path / "e.png") as picture:
        assert picture.width > 1000
