"""Artefacts of other data than MNIST say what is true of it, and their data is found again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnkit.data.idx import write_idx
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import DATASETS, FILES
from cnnkit.errors import InputError
from cnnkit.evaluation.dataset import load_dataset_of
from cnnkit.export.pipeline import export
from cnnkit.formats.checkpoint import read_weights, write_weights
from cnnkit.formats.detect import read_contract
from cnnkit.formats.options import Options
from cnnkit.runs.state import read_state, write_state
from cnnkit.system.files import sha256
from cnnkit.train.trainer import TrainConfig, resume, train

NAMES = ["stop", "yield", "go"]
MNIST_WORDS = ("white", "light on dark", "digit", "mnist")


def write_images(folder: Path, shape: tuple[int, ...], classes: int = 3) -> Path:
    """Write an IDX folder whose classes differ in brightness."""
    generator = np.random.default_rng(0)
    for images, labels, count in ((*FILES[:2], 90), (*FILES[2:], 30)):
        numbers = np.arange(count) % classes
        bright = (numbers * (200 // classes)).reshape(-1, *[1] * len(shape))
        noise = generator.integers(0, 40, (count, *shape))
        write_idx(folder / images, (bright + noise).astype(np.uint8))
        write_idx(folder / labels, numbers.astype(np.uint8))
    return folder


def train_on(folder: Path, output: Path) -> Path:
    """Return the run folder of one epoch."""
    config = TrainConfig(data=folder, epochs=1, channels=(4,), output=output)
    return train(config, pictures=False).folder


@pytest.fixture
def signs(tmp_path: Path) -> Path:
    """An own data set of three named classes in colour."""
    folder = write_images(tmp_path / "signs", (3, 12, 12))
    (folder / "classes.txt").write_text("\n".join(NAMES) + "\n")
    return folder


@pytest.fixture
def run(signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run on it, in the runs/ of the current folder."""
    monkeypatch.chdir(tmp_path)
    return train_on(signs, Path("runs") / "train" / "signs")


def test_a_folder_name_that_c_cannot_include_names_no_file(
    cli: Callable[..., Any], signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = train_on(signs.rename(tmp_path / "Zeichen für C"), tmp_path / "run")
    assert cli("export", run, "--format", "c").exit_code == 0
    assert Path("own-data.h").is_file()


@pytest.mark.parametrize("format", ["onnx", "c"])
def test_artefacts_of_colour_images_say_so(cli: Callable[..., Any], run: Path, format: str) -> None:
    path = Path(f"signs.{format}")  # where it goes by default
    result = cli("export", run, "--format", format)
    assert result.exit_code == 0, result.stderr
    stated = read_contract(path)
    assert stated["names"] == NAMES
    assert stated["cnnkit.dataset"] == "own-data"
    record = stated["cnnkit.preprocessing"]
    assert (record["colour"], record["size"]) == ("rgb", [3, 12, 12])
    assert (record["mean"], record["std"]) == ([0, 0, 0], [1, 1, 1])
    assert record["colours"] == "red, green and blue, as in the data set"
    for file in path.parent.glob("signs.*"):
        text = file.read_bytes().decode("utf-8", "ignore").lower()
        assert not [word for word in MNIST_WORDS if word in text], file
    assert "red, green and blue" in path.with_name(f"{path.name}.md").read_text()


def test_eval_and_verify_find_the_data_where_the_run_has_it(
    cli: Callable[..., Any], run: Path, signs: Path, tmp_path: Path
) -> None:
    assert cli("export", run, "-o", "net.onnx").exit_code == 0
    for model in (run, Path("net.onnx")):
        document = json.loads(cli("eval", model, "--json").stdout)
        assert (document["dataset"], document["images"]) == ("own-data", 30)
        assert [row["name"] for row in document["per_class"]] == NAMES
    assert cli("verify", "net.onnx").exit_code == 0
    signs.rename(tmp_path / "moved")
    result = cli("verify", "net.onnx")
    assert result.exit_code == 2
    assert "which is not there. Name the folder of its data with --data" in result.stderr
    assert cli("verify", "net.onnx", "--data", tmp_path / "moved").exit_code == 0
    write_images(signs, (3, 12, 12), classes=2)
    assert "is not the data that net.onnx was trained on" in cli("eval", "net.onnx").stderr
    (run / "config.json").unlink()
    assert "no run tells where that is" in cli("eval", "net.onnx").stderr


def test_two_own_data_sets_are_not_taken_for_one(run: Path, tmp_path: Path) -> None:
    other = train_on(write_images(tmp_path / "gray", (12, 12)), tmp_path / "runs" / "train" / "b")
    with pytest.raises(InputError, match=r"were trained on different data \(own-data\)"):
        load_dataset_of([run, other])
    assert load_dataset_of([other]).names == ("0", "1", "2")


def test_a_run_that_calls_own_data_mnist_is_exported_as_what_it_is(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "gray", (12, 12))
    weights = read_weights(train_on(folder, tmp_path / "run") / "weights.safetensors")
    # As earlier versions wrote it.
    old = replace(weights, metadata={**weights.metadata, "dataset": "mnist"})
    write_weights(tmp_path / "run" / "weights.safetensors", old)
    manifest = tmp_path / "run" / "manifest.json"
    stated = json.loads(manifest.read_text())
    stated["dataset"]["name"] = "mnist"
    manifest.write_text(json.dumps(stated))
    data = load_dataset_of([tmp_path / "run"])
    assert data.source == str(folder)
    assert export(old, "c", tmp_path / "net.c", Options(data)).passed
    stated = read_contract(tmp_path / "net.c")
    assert stated["cnnkit.dataset"] == "own-data"
    assert stated["cnnkit.preprocessing"]["colours"] == "gray, as in the data set"
    assert "0 to 255, gray, as in the data set; scaled" in (tmp_path / "net.h").read_text()


def test_a_run_goes_on_where_its_data_was_called_mnist(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "gray", (12, 12))
    run = train_on(folder, tmp_path / "run")
    state = read_state(run)
    state.dataset["name"] = "mnist"
    write_state(run, state)
    assert len(resume(run, epochs=2, pictures=False).history) == 2


def test_fashion_mnist_keeps_its_names_and_its_own_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, digests = write_images(tmp_path / "fashion", (28, 28), classes=10), {}
    for file in FILES:
        packed = gzip.compress((folder / file).read_bytes(), mtime=0)
        (folder / f"{file}.gz").write_bytes(packed)
        (folder / file).unlink()
        digests[f"{file}.gz"] = sha256(packed)
    row = replace(DATASETS["fashion-mnist"], sha256=digests)
    monkeypatch.setitem(DATASETS, "fashion-mnist", row)
    run = train_on(folder, tmp_path / "run")
    weights = read_weights(run / "weights.safetensors")
    assert export(weights, "onnx", tmp_path / "net.onnx", Options(load_dataset(folder=folder)))
    stated = read_contract(tmp_path / "net.onnx")
    assert stated["cnnkit.dataset"] == "fashion-mnist"
    assert stated["names"] == list(row.names)
    assert stated["cnnkit.preprocessing"]["colours"] == "gray, as in the data set"
    card = (tmp_path / "net.onnx.md").read_text()
    assert "light on dark" not in card
    assert "gray, as in the data set" in card
