"""Plots of a run are valid files, byte-identical for identical numbers."""

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
def test_the_loss_plot_is_a_png_and_an_svg(tmp_path: Path, epochs: int, validation: bool) -> None:
    plot_loss(history(epochs, validation), tmp_path / "loss")
    with Image.open(tmp_path / "loss.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) >= 800
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20  # more than a blank page
    assert "<svg" in (tmp_path / "loss.svg").read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["loss.png", "loss.svg"]


def test_the_confusion_plot_shows_every_count(tmp_path: Path) -> None:
    plot_confusion(MATRIX, NAMES, tmp_path / "confusion")
    # Matplotlib notes each text that it draws as a path in a comment.
    drawn = re.findall(r"<!-- (.*?) -->", (tmp_path / "confusion.svg").read_text())
    counts = [str(count) for count in MATRIX[MATRIX > 0]]
    assert sorted(set(counts) - set(drawn)) == []
    assert f"Test set: {np.trace(MATRIX) / MATRIX.sum():.2%} of {MATRIX.sum()} right" in drawn


def test_many_classes_make_no_larger_picture(tmp_path: Path) -> None:
    names = [str(number) for number in range(300)]
    plot_confusion(np.eye(300, dtype=np.int64), names, tmp_path / "confusion")
    with Image.open(tmp_path / "confusion.png") as picture:
        assert max(picture.size) <= 1800


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        plot_loss(history(3), folder / "loss")
        plot_confusion(MATRIX, NAMES, folder / "confusion")
        if folder.name == "a":
            time.sleep(1.1)  # a date in the files would differ
    for name in ("loss.png", "loss.svg", "confusion.png", "confusion.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_long_names_and_few_classes_fit(tmp_path: Path) -> None:
    plot_confusion(np.array([[3, 1], [0, 4]]), ["ankle boot", "T-shirt"], tmp_path / "two")
    plot_confusion(np.zeros((3, 3), np.int64), ["a", "b", "c"], tmp_path / "empty")
    assert len(list(tmp_path.iterdir())) == 4


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"loss\.png"):
        plot_loss(history(1), tmp_path / "file" / "loss")
