"""The run folder: its files, what is never overwritten, and what the user sees."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections.abc import Callable
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.runs import folder as folders
from cnnkit.runs.find import find_weights
from cnnkit.runs.folder import PICTURES, check_free, claim_folder
from cnnkit.runs.state import RECORD, read_state
from cnnkit.system.signals import StopSignals
from cnnkit.train.progress import TrainingProgress
from cnnkit.train.trainer import TrainConfig, train

Cli = Callable[..., Any]
FILES = {
    *("config.json", "manifest.json", "metrics.csv", "metrics.jsonl", "train.log"),
    *("config.toml", "resume.safetensors", "weights.safetensors", *PICTURES),
} - {"augment.png"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """Two epochs with a validation split."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(TrainConfig(data=small_data, epochs=2, val_split=0.1, output=folder))
    return folder


def test_a_finished_run_holds_these_files_and_no_others(run: Path) -> None:
    assert {file.name for file in run.iterdir()} == FILES
    assert find_weights(run) == run / "weights.safetensors"


def test_the_config_holds_every_choice(run: Path, small_data: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    assert set(config) == {"format_version"} | {field.name for field in fields(TrainConfig)}
    assert config["data"] == str(small_data)
    assert config["learning_rate"] == 1e-4


def test_csv_and_jsonl_hold_the_states_history(run: Path) -> None:
    history = read_state(run).history
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == history
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert tuple(rows[0]) == RECORD
    assert [{key: float(value) for key, value in row.items()} for row in rows] == history


def test_missing_metrics_are_empty_in_csv_and_null_in_json(trained_run: Path) -> None:
    [row] = csv.DictReader((trained_run / "metrics.csv").read_text().splitlines())
    assert row["validation_loss"] == row["validation_accuracy"] == ""
    assert json.loads((trained_run / "metrics.jsonl").read_text())["validation_loss"] is None


def test_the_manifest_names_what_the_run_depends_on(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    [session] = manifest["sessions"]
    for package in ("cnnkit", "torch", "numpy"):
        assert session[package] == version(package)
    assert session["python"] == platform.python_version()
    assert session["cpu"]
    assert session["started"] <= manifest["written"]
    assert manifest["status"] == "finished"
    assert manifest["seed"] == 0
    assert manifest["engine"] == session["engine"] == "native"
    assert len(manifest["dataset"]["sha256"]) == 4
    assert manifest["weights_sha256"] == read_weights(run / "weights.safetensors").sha256
    assert manifest["training_seconds"] > 0


def test_the_confusion_matrix_of_the_state_gives_the_accuracy(run: Path) -> None:
    state = read_state(run)
    assert state.confusion.dtype == np.int64
    assert state.confusion.sum() == 500
    assert state.confusion.trace() / 500 == state.history[state.kept_epoch - 1]["test_accuracy"]


@pytest.mark.parametrize("content", ["a run", "other files", "a file"])
def test_an_output_that_is_not_empty_is_refused_and_unchanged(
    content: str, run: Path, tmp_path: Path, cli: Cli
) -> None:
    place = run if content == "a run" else tmp_path / "place"
    if content == "other files":
        place.mkdir()
        (place / "thesis.txt").write_text("mine")
    elif content == "a file":
        place.write_text("mine")
    before = {file: file.read_bytes() for file in [place, *place.rglob("*")] if file.is_file()}
    result = cli("train", "--output", place)
    assert result.exit_code == 2
    assert str(place) in result.stderr
    assert "--output" in result.stderr
    assert ("already holds a run" in result.stderr) == (content == "a run")
    after = {file: file.read_bytes() for file in [place, *place.rglob("*")] if file.is_file()}
    assert after == before


def test_default_folders_are_numbered_and_never_shared(tmp_path: Path) -> None:
    names = [claim_folder(None, tmp_path / "train", "mnist").name for _ in range(3)]
    assert names == ["mnist-1", "mnist-2", "mnist-3"]
    (tmp_path / "train" / "mnist-2").rmdir()
    assert claim_folder(None, tmp_path / "train", "mnist").name == "mnist-2"


def test_the_command_prints_accuracy_paths_and_the_next_step(
    cli: Cli, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli("train", "--data", small_data, "--epochs", 1, "--batch-size", 1)
    assert result.exit_code == 0
    folder = Path(f"runs/train/{small_data.name}-1")
    [record] = read_state(folder).history
    assert f"test accuracy {record['test_accuracy']:.2%}" in result.stdout
    assert str(folder / "weights.safetensors") in result.stdout
    assert str(folder / "loss.png") in result.stdout
    assert f"cnnkit export --format onnx {folder}" in result.stdout
    # Not a terminal: plain lines, and no control characters.
    (line,) = result.stderr.splitlines()
    assert line.startswith("epoch 1/1  loss ")
    assert "\x1b" not in result.stderr
    log = (folder / "train.log").read_text()
    assert log.startswith("[1,   750] loss: ")
    assert log.endswith(result.stderr)


def test_the_steps_within_epochs_are_for_who_wants_them(
    cli: Cli, small_data: Path, tmp_path: Path
) -> None:
    words = ("--data", small_data, "--epochs", 1, "--batch-size", 1, "-o", tmp_path / "run")
    result = cli("train", *words, "--verbose")
    assert result.exit_code == 0
    assert "[1,   750] loss: " in result.stderr
    assert (tmp_path / "run" / "train.log").read_text() == result.stderr


def test_the_line_of_an_epoch_fits_eighty_columns(tmp_path: Path) -> None:
    text = io.StringIO()
    record = {"epoch": 30, "train_loss": 0.0561, "train_accuracy": 0.982, "test_accuracy": 0.97}
    watched = {"validation_loss": 0.0712, "validation_accuracy": 0.978}
    for extra in ({}, watched):
        with TrainingProgress(Console(file=text), tmp_path / "a.log", 30, 60000, 29) as progress:
            progress.end_epoch({**record, **extra, "images_per_second": 195_338.4})
    first, second = text.getvalue().splitlines()
    assert first == "epoch 30/30  loss 0.0561  train 98.20%  test 97.00%  195,338 images/s"
    assert "val loss 0.0712  val 97.80%" in second
    assert max(len(first), len(second)) <= 80


def test_json_is_one_document_and_quiet_is_silent(
    cli: Cli, small_data: Path, tmp_path: Path
) -> None:
    words = ("--data", small_data, "--epochs", 2, "--json", "--quiet", "--output", tmp_path / "run")
    result = cli("train", *words)
    assert result.exit_code == 0
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1
    assert document["command"] == "train"
    assert document["config"]["epochs"] == 2
    assert [tuple(record) for record in document["history"]] == [RECORD, RECORD]
    assert document["test_accuracy"] == document["history"][-1]["test_accuracy"]
    for path in (document["run"], document["weights"], *document["pictures"]):
        assert Path(path).exists()


def test_help_shows_the_defaults_of_the_config(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text, config = cli("train", "--help").stdout, TrainConfig()
    for default in (config.dataset, config.epochs, config.batch_size, f"{config.learning_rate:f}",
                    config.seed, config.device, "none"):  # fmt: skip
        shown = str(default).rstrip("0") if "." in str(default) else default
        assert f"[default: ({shown})]" in text


def test_a_terminal_shows_a_bar_with_loss_accuracy_and_speed(tmp_path: Path) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    with TrainingProgress(console, tmp_path / "train.log", 30, 60000, 2) as progress:
        progress.step(3, 6000, 0.25, 0.925, 10000.0)
        progress.drawn = 0.0
        progress.step(3, 12000, 0.25, 0.925, 10000.0)
    for text in ("epoch 3/30", "loss 0.2500", "accuracy 92.50%", "10,000 images/s", "7%"):
        assert text in screen.getvalue()


def test_a_second_signal_ends_at_once_and_handlers_are_restored() -> None:
    import signal

    before = signal.getsignal(signal.SIGINT)
    with StopSignals() as stop:
        assert not stop.asked
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


def test_training_leaves_the_global_random_states_unchanged(
    small_data: Path, tmp_path: Path
) -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    train(TrainConfig(data=small_data, epochs=1, output=tmp_path / "run"), pictures=False)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # type: ignore[index]


def test_a_folder_that_another_training_gives_up_meanwhile_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(folders, "remove_leftovers", lambda folder: folder.rmdir())
    check_free(folder)
    monkeypatch.undo()
    for free in (folder, tmp_path):
        check_free(free)
    folder.write_text("a file")
    for taken in (folder, tmp_path):
        with pytest.raises(InputError, match="is not an empty folder"):
            check_free(taken)
