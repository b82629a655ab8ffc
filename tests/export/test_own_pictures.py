"""From a folder of pictures to an artefact that treats a picture exactly as training did."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnkit.data.load import load_dataset
from cnnkit.data.own.options import PictureOptions
from cnnkit.errors import InputError
from cnnkit.evaluation.dataset import load_dataset_of
from cnnkit.evaluation.prediction import predict
from cnnkit.runtimes.loader import load
from cnnkit.train.config import TrainConfig
from cnnkit.train.trainer import resume, train

SETTINGS: dict[str, Any] = {"size": "12x16", "fit": "pad", "channels": (4,), "epochs": 1}


def paint(folder: Path, count: int = 10) -> None:
    """Write pictures of two classes and many sizes: red and blue ones, with noise."""
    random = np.random.default_rng(len(str(folder.name)))
    for number, name in enumerate(("blue", "red")):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            shape = (int(random.integers(10, 40)), int(random.integers(10, 40)), 3)
            pixels = random.integers(0, 90, shape, np.uint8)
            pixels[..., 2 if number == 0 else 0] += 150
            Image.fromarray(pixels).save(folder / name / f"{index}.png")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    paint(folder / "pictures")
    return folder


@pytest.fixture(scope="module")
def run(home: Path) -> Path:
    config = TrainConfig(data=home / "pictures", output=home / "runs/train/one", **SETTINGS)
    return train(config, pictures=False).folder


@pytest.fixture
def inside(home: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    return home


@pytest.mark.parametrize("format", ["weights", "onnx", "c"])
def test_predict_gives_the_network_what_training_gave_it(
    inside: Path, run: Path, format: str, cli: Callable[..., Any]
) -> None:
    path = run
    if format != "weights":
        path = inside / f"net.{format}"
        assert cli("export", "--format", format, str(run), "-o", str(path)).exit_code == 0
    data = load_dataset_of([path], quiet=True)
    rows = {Path(sample[2]): sample for sample in data.samples}
    tests = [sample for sample in rows.values() if sample[0] == "test"]
    pictures = [inside / "pictures" / sample[2] for sample in tests]
    found, failed = predict(load(path), pictures)
    assert not failed
    seen = np.stack([prediction.seen for prediction in found])
    np.testing.assert_array_equal(seen, data.test.images)


def test_eval_finds_the_runs_own_test_pictures_again(
    inside: Path, run: Path, cli: Callable[..., Any]
) -> None:
    found = load_dataset_of([run], quiet=True)
    named = load_dataset_of([run], folder=inside / "pictures", quiet=True)
    assert len(found.test.labels) == 4
    assert found.sha256 == named.sha256
    assert found.names == ("blue", "red")


def test_other_pictures_are_all_for_the_test_under_the_runs_names(inside: Path, run: Path) -> None:
    if not (inside / "others").exists():
        paint(inside / "others", 3)
        for file in (inside / "others" / "blue").iterdir():
            file.unlink()
        (inside / "others" / "blue").rmdir()
    data = load_dataset_of([run], folder=inside / "others", quiet=True)
    assert data.names == ("blue", "red")
    assert data.test.labels.tolist() == [1, 1, 1]
    assert data.test.images.shape[1:] == (3, 12, 16)


def test_a_class_that_the_model_does_not_know_is_refused(inside: Path, run: Path) -> None:
    paint(inside / "more", 2)
    (inside / "more" / "red").rename(inside / "more" / "green")
    with pytest.raises(InputError, match="does not know: green; it knows blue, red"):
        load_dataset_of([run], folder=inside / "more", quiet=True)


def test_a_run_whose_pictures_changed_is_not_resumed(tmp_path: Path) -> None:
    paint(tmp_path / "pictures")
    config = TrainConfig(data=tmp_path / "pictures", output=tmp_path / "run", **SETTINGS)
    train(config, pictures=False)
    Image.new("RGB", (9, 9), "white").save(tmp_path / "pictures" / "red" / "0.png")
    with pytest.raises(
        InputError, match=r"is not the data of this run \(another SHA-256: pictures\)"
    ):
        resume(tmp_path / "run", epochs=2, pictures=False)


def test_the_split_of_a_run_can_be_used_again(inside: Path, run: Path) -> None:
    again = PictureOptions(manifest=run / "split.csv", size=(12, 16), seed=99)
    data = load_dataset(folder=inside / "pictures", quiet=True, options=again)
    first = load_dataset_of([run], quiet=True)
    np.testing.assert_array_equal(data.test.images, first.test.images)
    np.testing.assert_array_equal(data.train.images, first.train.images)


def test_the_card_says_how_pictures_get_their_size(
    inside: Path, run: Path, cli: Callable[..., Any]
) -> None:
    assert cli("export", str(run), "-o", str(inside / "card.onnx")).exit_code == 0
    card = (inside / "card.onnx.md").read_text()
    assert "brought to 16x12 rgb: mode pad with bars of 0, bilinear filter" in card
    assert "SHA-256 of all files, their classes and splits" in card


def test_the_card_states_the_split_and_the_scores_of_each_class(
    inside: Path, run: Path, cli: Callable[..., Any]
) -> None:
    assert cli("export", str(run), "-o", str(inside / "scores.onnx")).exit_code == 0
    card = (inside / "scores.onnx.md").read_text()
    data = load_dataset_of([run], quiet=True)
    scores = json.loads((run / "manifest.json").read_text())["per_class"]
    assert f"Images: {len(data.train.labels)} for training, {len(data.test.labels)} for the" in card
    for s in scores:
        shares = " | ".join(f"{s[key]:.1%}" for key in ("precision", "recall", "f1"))
        assert f"| {s['name']} | {s['support']} | {shares} |" in card
