"""`cnnkit predict` answers every picture that can be read, and names each that cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnnkit.data.dataset import Dataset
from cnnkit.evaluation.prediction import predict, sketch
from cnnkit.graph.architecture import Architecture
from cnnkit.runtimes import loader


class Fake:
    """Answers with a class per image: 0.6 for the number of its row, 0.4 for the next."""

    architecture = Architecture()
    format, runtime = "fake", "fake 1"
    names = tuple(f"class {k}" for k in range(10))

    def __call__(self, images: NDArray[np.uint8]) -> Any:
        assert images.dtype == np.uint8
        assert images.shape[1:] == (1, 28, 28)
        shares = np.zeros((len(images), 10), np.float32)
        for n in range(len(images)):
            shares[n, n], shares[n, n + 1] = 0.6, 0.4
        return SimpleNamespace(probabilities=shares)


@pytest.fixture
def pictures(tmp_path: Path, mnist: Dataset) -> list[Path]:
    """Dark digits on white, 140 pixels high: 7, 2, 1, 0."""
    paths = []
    for n in range(4):
        paths.append(tmp_path / f"digit [bold]{n}.png")
        Image.fromarray(255 - mnist.test.images[n, 0]).resize((140, 140)).save(paths[-1])
    return paths


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(loader, "load", lambda _: Fake())
    return "fake.onnx"


def test_answers_come_likeliest_first_in_the_order_of_the_pictures(pictures: list[Path]) -> None:
    answers, failed = predict(Fake(), pictures)  # type: ignore[arg-type]
    assert not failed
    assert [answer.path for answer in answers] == pictures
    assert [answer.top[0][0] for answer in answers] == [f"class {n}" for n in range(4)]
    assert [name for name, _ in answers[1].top] == ["class 1", "class 2", "class 0"]
    assert [round(share, 6) for _, share in answers[1].top] == [0.6, 0.4, 0]


def test_more_classes_than_there_are_gives_all(pictures: list[Path]) -> None:
    answers, _ = predict(Fake(), pictures[:1], top=99)  # type: ignore[arg-type]
    assert len(answers[0].top) == 10


def test_one_bad_picture_does_not_keep_the_others_from_being_answered(
    pictures: list[Path], fake: str, cli: Callable[..., Any], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    result = cli("predict", fake, pictures[0], bad, pictures[1])
    assert result.exit_code == 2
    assert f"{bad}: is not a picture" in result.stderr
    lines = result.stdout.splitlines()
    assert [line.startswith(str(path)) for line, path in zip(lines, pictures, strict=False)] == [
        True,
        True,
    ]
    assert "class 0 60.0%" in lines[0]
    assert "class 1 60.0%" in lines[1]


def test_every_bad_picture_is_named(fake: str, cli: Callable[..., Any], tmp_path: Path) -> None:
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    result = cli("predict", fake, tmp_path / "blank.png", tmp_path / "missing.png")
    assert result.exit_code == 2
    assert "blank.png: is blank" in result.stderr
    assert "missing.png: cannot be read" in result.stderr
    assert result.stdout == ""


def test_json_is_one_document_with_answers_and_errors(
    pictures: list[Path], fake: str, cli: Callable[..., Any], tmp_path: Path
) -> None:
    result = cli("predict", "--json", "--top", "1", fake, pictures[0], tmp_path / "missing.png")
    document = json.loads(result.stdout)
    assert result.exit_code == 5
    assert document["answers"] == [
        {
            "path": str(pictures[0]),
            "name": "class 0",
            "top": [{"name": "class 0", "probability": pytest.approx(0.6)}],
        }
    ]
    assert document["errors"][0]["path"] == str(tmp_path / "missing.png")


def test_a_top_below_one_is_a_usage_error(
    pictures: list[Path], fake: str, cli: Callable[..., Any]
) -> None:
    assert cli("predict", "--top", "0", fake, pictures[0]).exit_code == 2


def test_show_draws_what_the_network_is_given(
    pictures: list[Path], fake: str, cli: Callable[..., Any]
) -> None:
    result = cli("predict", "--show", fake, pictures[3])
    answers, _ = predict(Fake(), pictures[3:])  # type: ignore[arg-type]
    assert sketch(answers[0].seen) in result.stdout
    assert sketch(answers[0].seen).count("\n") == 27


def test_a_model_that_is_none_is_refused(
    pictures: list[Path], cli: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    result = cli("predict", tmp_path / "model.onnx", pictures[0])
    assert result.exit_code == 2
    assert "model.onnx" in result.stderr


def test_real_weights_recognise_real_pictures(
    pictures: list[Path], weights_file: Path, cli: Callable[..., Any]
) -> None:
    result = cli("predict", "--json", weights_file, *pictures)
    assert result.exit_code == 0
    assert [answer["name"] for answer in json.loads(result.stdout)["answers"]] == list("7210")
