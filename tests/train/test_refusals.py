"""Invalid settings are refused without leftovers; failures during a training lose nothing."""

from __future__ import annotations

import json
import math
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.graph_cases import late_relu
from support.training import read_metrics, settings

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError, StorageError, VerdictError
from cnnkit.runs.state import read_state
from cnnkit.train.engines.native import NativeEngine
from cnnkit.train.engines.pytorch import TorchEngine
from cnnkit.train.trainer import TrainConfig, resume, train

Cli = Callable[..., Any]


@pytest.mark.parametrize("engine", [NativeEngine, TorchEngine])
def test_a_network_that_cannot_be_trained_is_refused_by_its_node(
    engine: type[NativeEngine | TorchEngine], few: Dataset
) -> None:
    other = replace(settings(few.test), graph=late_relu())
    with pytest.raises(InputError, match=r"node Relu late, which .*: it follows"):
        engine(other)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--epochs", 0, "--epochs: is 0. Make it 1 or more"),
        ("--epochs", -3, "--epochs: is -3"),
        ("--epochs", 10**20, "--epochs: is 100000000000000000000. Make it 2147483647 or less"),
        ("--batch-size", 10**20, "Make it 2147483647 or less"),
        ("--pool", 2**31, "--pool: is 2147483648. Make it 2147483647 or less"),
        ("--batch-size", 0, "--batch-size: is 0"),
        ("--batch-size", -16, "--batch-size: is -16"),
        ("--lr", 0, "--lr: is 0"),
        ("--lr", -0.1, "--lr: is -0.1. Make it a number above 0"),
        ("--lr", "nan", "--lr: is nan"),
        ("--lr", "inf", "--lr: is inf"),
        ("--schedule", "linear", "--schedule: is linear. Make it one of constant, cosine, step"),
        ("--weight-decay", -0.1, "--weight-decay: is -0.1. Make it 0 or more"),
        ("--weight-decay", "nan", "--weight-decay: is nan"),
        ("--val-split", 1, "--val-split: is 1"),
        ("--val-split", -0.1, "--val-split: is -0.1"),
        ("--val-split", "nan", "--val-split: is nan"),
        ("--seed", -1, "--seed: is -1"),
        ("--seed", 2**32, "--seed: is 4294967296"),
        ("--device", "tpu", "--device: is tpu. Make it one of auto, cpu, cuda, mps"),
        ("--dataset", "cifar", "--dataset: is cifar"),
        ("--patience", 3, "--patience: has no validation images to watch. Add --val-split"),
    ],
)
def test_an_invalid_value_is_refused_before_data_is_loaded(
    option: str, value: object, message: str, cli: Cli, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fail(*arguments: object) -> None:
        raise AssertionError("data was loaded")

    monkeypatch.setattr("cnnkit.train.trainer.load_dataset", fail)
    monkeypatch.chdir(tmp_path)
    result = cli("train", option, value)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_patience_below_one_is_refused(cli: Cli) -> None:
    result = cli("train", "--val-split", 0.1, "--patience", 0)
    assert result.exit_code == 2
    assert "--patience: is 0" in result.stderr


def test_a_missing_device_is_refused_and_nothing_is_left(
    cli: Cli, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = cli("train", "--device", "cuda", "--data", small_data, "--output", tmp_path / "run")
    assert result.exit_code == 3
    assert "--device cpu" in result.stderr
    assert not (tmp_path / "run").exists()


def test_without_pytorch_the_error_names_the_extra(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnkit.train.engines.base.find_spec", lambda name: None)
    result = cli("train", "--output", tmp_path / "run")
    assert result.exit_code == 3
    assert "cnnkit[train]" in result.stderr
    assert not (tmp_path / "run").exists()


def test_missing_data_leaves_no_run(cli: Cli, tmp_path: Path) -> None:
    result = cli("train", "--data", tmp_path / "absent", "--output", tmp_path / "run")
    assert result.exit_code == 2
    assert "absent" in result.stderr
    assert list(tmp_path.iterdir()) == []


# Failures during a training


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_a_loss_that_overflows_stops_the_run(
    engine: str, cli: Cli, small_data: Path, tmp_path: Path
) -> None:
    words = ("--data", small_data, "--lr", 1e30, "--engine", engine)
    result = cli("train", *words, "--output", tmp_path / "run")
    assert result.exit_code == 1
    assert "0 complete epochs of 30 kept" in result.stderr
    assert "lower --lr" in result.stderr
    assert not (tmp_path / "run" / "weights.safetensors").exists()
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "diverged"


@pytest.mark.parametrize("kind", [NativeEngine, TorchEngine])
@pytest.mark.parametrize("where", ["loss", "parameter"])
def test_the_last_good_epoch_is_kept_when_a_later_one_diverges(
    where: str,
    kind: type[NativeEngine | TorchEngine],
    small_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, steps, state = tmp_path / "run", kind.steps, kind.state
    name = "native" if kind is NativeEngine else "torch"
    train(TrainConfig(data=small_data, epochs=1, engine=name, output=run), pictures=False)
    good = (run / "weights.safetensors").read_bytes()

    def diverging(engine: Any, *arguments: Any) -> Iterator[tuple[list[float], int]]:
        yield from steps(engine, *arguments)
        yield [math.nan], 0

    def overflowing(engine: Any) -> dict[str, Any]:
        arrays = state(engine)
        arrays["parameters/linear.bias"][3] = math.inf
        return arrays

    if where == "loss":
        monkeypatch.setattr(kind, "steps", diverging)
    else:
        monkeypatch.setattr(kind, "state", overflowing)
    with pytest.raises(VerdictError, match="1 complete epoch of 2 kept"):
        resume(run, epochs=2, pictures=False)
    assert (run / "weights.safetensors").read_bytes() == good
    assert len(read_metrics(run)) == len(read_state(run).history) == 1


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Make writing more than `size` bytes to a file fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# The state needs 48 KB, a plot 70 KB: the first limit stops epoch 2, the second the plots.
@pytest.mark.parametrize(("size", "epochs"), [(40_000, 1), (60_000, 3)])
def test_a_full_disk_keeps_complete_epochs(
    size: int, epochs: int, small_data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(TrainConfig(data=small_data, epochs=1, output=run), pictures=False)
    with file_size_limit(size), pytest.raises(StorageError, match=f"--resume {run}"):
        resume(run, epochs=3)
    assert not list(run.glob(".*"))
    assert len(read_metrics(run)) == len(read_state(run).history) == epochs
    resumed = resume(run, epochs=3, pictures=False)
    config = TrainConfig(data=small_data, epochs=3, output=tmp_path / "whole")
    whole = train(config, pictures=False)
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()


def test_a_disk_that_is_full_from_the_start_leaves_nothing(
    cli: Cli, small_data: Path, tmp_path: Path
) -> None:
    with file_size_limit(1000):
        result = cli("train", "--data", small_data, "--output", tmp_path / "run")
    assert result.exit_code == 5
    assert "cannot be written" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_created_is_refused(
    cli: Cli, small_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    result = cli("train", "--data", small_data, "--output", tmp_path / "file" / "run")
    assert result.exit_code == 5
    assert "choose another --output" in result.stderr.lower()
    assert (tmp_path / "file").read_text() == "mine"
