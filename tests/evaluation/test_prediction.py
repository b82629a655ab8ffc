"""`cnnkit predict` answers every picture that can be read, and names each that cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
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
from cnnkit.graph.weights import Weights
from cnnkit.runtimes import loader


class Fake:
    """Answers with a class per image: 0.6 for the number of its row, 0.4 for the next."""

    architecture = Architecture()
    format, runtime = "fake", "fake 1"
    weights = Weights.of(architecture, architecture.initial_parameters(0), {"dataset": "mnist"})
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
    monkeypatch.setattr(loader, "load", lambda _, **said: Fake())
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
    assert "class 0 60.00%" in lines[0]
    assert "class 1 60.00%" in lines[1]


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
            "verdict": "sure",
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


def test_a_picture_given_twice_is_answered_twice(
    pictures: list[Path], fake: str, cli: Callable[..., Any], tmp_path: Path
) -> None:
    missing = tmp_path / "missing.png"
    result = cli("predict", "--json", fake, pictures[0], missing, pictures[0], missing)
    document = json.loads(result.stdout)
    assert [answer["path"] for answer in document["answers"]] == [str(pictures[0])] * 2
    assert [error["path"] for error in document["errors"]] == [str(missing)] * 2


def test_two_digits_side_by_side_get_no_confident_answer(
    mnist: Dataset, weights_file: Path, cli: Callable[..., Any], tmp_path: Path
) -> None:
    both = np.hstack([mnist.test.images[0, 0], mnist.test.images[1, 0]])
    Image.fromarray(255 - both).resize((448, 224)).save(tmp_path / "72.png")
    result = cli("predict", "--json", weights_file, tmp_path / "72.png")
    assert json.loads(result.stdout)["answers"][0]["verdict"] == "several digits"
    assert "several digits" in cli("predict", weights_file, tmp_path / "72.png").stdout


def test_an_answer_below_half_is_marked_as_not_sure(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]
) -> None:
    class Torn(Fake):
        def __call__(self, images: NDArray[np.uint8]) -> Any:
            return SimpleNamespace(probabilities=np.full((len(images), 10), 0.1, np.float32))

    monkeypatch.setattr(loader, "load", lambda _, **said: Torn())
    assert cli("predict", "fake.onnx", pictures[0]).stdout.rstrip().endswith("not sure")


def test_a_network_of_other_data_gets_the_pixels_of_its_images(
    mnist: Dataset, cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clothes(Fake):
        weights = replace(Fake.weights, metadata={"dataset": "fashion-mnist"})

    image = mnist.test.images[3, 0]
    Image.fromarray(image).save(tmp_path / "small.png")
    Image.fromarray(np.kron(255 - image, np.ones((3, 3), np.uint8))).save(tmp_path / "big.png")
    answers, failed = predict(Clothes(), [tmp_path / "small.png", tmp_path / "big.png"])  # type: ignore[arg-type]
    assert not failed
    assert np.array_equal(answers[0].seen[0], image)  # neither cropped nor thickened
    assert np.abs(answers[1].seen[0].astype(int) - (255 - image)).mean() < 20  # nor inverted
    monkeypatch.setattr(loader, "load", lambda _, **said: Clothes())
    result = cli("predict", "--json", "fake.onnx", tmp_path / "small.png")
    assert json.loads(result.stdout)["preparation"] == "resize"
    assert "not trained on MNIST" in result.stderr


def test_mnist_s_network_says_nothing_of_its_preparation(
    pictures: list[Path], fake: str, cli: Callable[..., Any]
) -> None:
    result = cli("predict", "--json", fake, pictures[0])
    assert json.loads(result.stdout)["preparation"] == "mnist"
    assert result.stderr == ""
