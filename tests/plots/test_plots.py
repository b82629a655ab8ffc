"""Pictures of a run are readable files with the same bytes for the same numbers."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnkit.errors import StorageError
from cnnkit.plots import plot_confusion, plot_loss

MATRIX = np.diag(np.arange(90, 100)) + np.eye(10, k=1, dtype=np.int64)
NAMES = list("0123456789")


def history(epochs: int, validation: bool = False) -> list[dict[str, Any]]:
    measured = {"validation_loss": 0.5, "validation_accuracy": 0.8}
    return [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_accuracy": 1 - 0.2 / epoch,
            **(measured if validation else dict.fromkeys(measured)),
            "test_accuracy": 0.9,
        }
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [1, 2, 30])
@pytest.mark.parametrize("validation", [False, True])
def test_the_loss_picture_is_a_png_and_an_svg(
    tmp_path: Path, epochs: int, validation: bool
) -> None:
    plot_loss(history(epochs, validation), tmp_path / "loss")
    with Image.open(tmp_path / "loss.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) >= 800
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20  # more than a blank page
    assert "<svg" in (tmp_path / "loss.svg").read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["loss.png", "loss.svg"]


def test_the_confusion_picture_shows_every_count(tmp_path: Path) -> None:
    plot_confusion(MATRIX, NAMES, tmp_path / "confusion")
    # Matplotlib notes each text that it draws as a path in a comment.
    drawn = re.findall(r"<!-- (.*?) -->", (tmp_path / "confusion.svg").read_text())
    counts = [str(count) for count in MATRIX[MATRIX > 0]]
    assert sorted(set(counts) - set(drawn)) == []
    assert f"Test set: {np.trace(MATRIX) / MATRIX.sum():.2%} of {MATRIX.sum()} right" in drawn


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    stems = [tmp_path / name / "picture" for name in ("a", "b")]
    for plot in (lambda stem: plot_loss(history(3), stem),
                 lambda stem: plot_confusion(MATRIX, NAMES, stem)):  # fmt: skip
        for stem in stems:
            plot(stem)
            time.sleep(1.1)  # a date in a file would differ now
        for suffix in (".png", ".svg"):
            first, second = (stem.with_suffix(suffix).read_bytes() for stem in stems)
            assert first == second


def test_long_names_and_few_classes_fit(tmp_path: Path) -> None:
    plot_confusion(np.array([[3, 1], [0, 4]]), ["ankle boot", "T-shirt"], tmp_path / "two")
    plot_confusion(np.zeros((3, 3), np.int64), ["a", "b", "c"], tmp_path / "empty")
    assert len(list(tmp_path.iterdir())) == 4


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"loss\.png"):
        plot_loss(history(1), tmp_path / "file" / "loss")
