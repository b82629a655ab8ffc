"""Training follows PyTorch step by step, repeats to the bit, and refuses what makes no training."""

from __future__ import annotations

import json
import math
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnkit.architecture import PIXEL_SCALE, Architecture
from cnnkit.checkpoint import Weights, read_weights
from cnnkit.data import Dataset, load_dataset
from cnnkit.engines import fresh_state
from cnnkit.errors import StorageError, VerdictError
from cnnkit.model import Network, network_from
from cnnkit.run_state import read_state
from cnnkit.sampling import epoch_order, split_validation
from cnnkit.torch_engine import TorchEngine
from cnnkit.train import TrainConfig, resume, train

Cli = Callable[..., Any]


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def answers(weights: Weights, data: Dataset) -> np.ndarray[Any, Any]:
    images = torch.from_numpy(data.test.images).float() * PIXEL_SCALE
    with torch.inference_mode():
        return np.asarray(network_from(weights)(images).argmax(1).numpy())


# The published training


def test_one_epoch_with_the_published_settings_reaches_88_percent(trained_run: Path) -> None:
    [record] = records(trained_run)
    assert record["test_accuracy"] >= 0.88
    assert 0.6 < record["train_loss"] < 0.9  # published: about 0.75
    assert 0.7 < record["train_accuracy"] < 0.85


def test_the_running_loss_is_logged_every_750_steps(trained_run: Path) -> None:
    lines = (trained_run / "train.log").read_text().splitlines()
    steps = [line for line in lines if line.startswith("[1, ")]
    assert [line.partition("]")[0] for line in steps] == [
        f"[1, {step:5d}" for step in (750, 1500, 2250, 3000, 3750)
    ]
    losses = [float(line.rpartition(" ")[2]) for line in steps]
    assert losses == sorted(losses, reverse=True)
    assert math.isclose(np.mean(losses), records(trained_run)[0]["train_loss"], abs_tol=1e-4)


def test_weights_carry_what_an_export_needs_and_no_path(trained: Weights, mnist: Dataset) -> None:
    assert dict(trained.metadata) == {
        "names": list("0123456789"),
        "dataset": "mnist",
        "dataset_sha256": mnist.sha256,
        "test_accuracy": trained.metadata["test_accuracy"],
        "training": {"epochs": 1, "batch_size": 16, "learning_rate": 1e-4, "seed": 0},
    }


def test_the_reported_accuracy_is_the_kept_networks(trained: Weights, mnist: Dataset) -> None:
    right = float((answers(trained, mnist) == mnist.test.labels).mean())
    # PyTorch in another memory layout rounds differently: a near tie may fall the other way.
    assert abs(right - trained.metadata["test_accuracy"]) <= 2e-4


def test_the_first_steps_are_those_of_plain_pytorch(mnist: Dataset) -> None:
    """The published loop, with torch.nn and torch.optim as they come, from the same start."""
    network = Network(seed=0)
    optimiser, loss_function = torch.optim.Adam(network.parameters(), lr=1e-3), nn.NLLLoss()
    order = epoch_order(np.arange(len(mnist.train.labels)), seed=0, epoch=1)[: 16 * 150 + 5]
    expected = []
    for start in range(0, len(order), 16):
        batch = order[start : start + 16]
        images = torch.from_numpy(mnist.train.images[batch]).float() / 255
        loss = loss_function(network(images), torch.from_numpy(mnist.train.labels[batch]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        expected.append(loss.item())
    architecture = Architecture()
    engine = TorchEngine(architecture, mnist.train, 1e-3, "cpu", fresh_state(architecture, 0))
    losses = [loss for loss, _ in engine.steps(order, 16)]
    assert len(losses) == 151  # the last step takes the five images left over
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5)


# Repeatable


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(
    small_data: Path, tmp_path: Path
) -> None:
    written, threads = [], torch.get_num_threads()
    for name, count in (("a", 1), ("b", 2)):
        torch.set_num_threads(count)
        try:
            result = train(TrainConfig(data=small_data, epochs=1, output=tmp_path / name))
            assert torch.get_num_threads() == count  # the caller's setting is given back
        finally:
            torch.set_num_threads(threads)
        written.append(result.weights.read_bytes())
    other = train(TrainConfig(data=small_data, epochs=1, seed=1, output=tmp_path / "c"))
    assert written[0] == written[1] != other.weights.read_bytes()


# Validation


def test_validation_keeps_the_epoch_of_the_lowest_loss_and_patience_ends_the_run(
    small_data: Path, tmp_path: Path
) -> None:
    config = TrainConfig(
        data=small_data, epochs=60, learning_rate=0.02, val_split=0.2, patience=3,
        output=tmp_path / "run",
    )  # fmt: skip
    result = train(config)
    losses = [record["validation_loss"] for record in result.history]
    assert len(losses) < config.epochs
    assert result.kept_epoch == int(np.argmin(losses)) + 1 == len(losses) - 3
    weights, data = read_weights(result.weights), load_dataset("mnist", small_data)
    assert weights.metadata["training"]["epochs"] == result.kept_epoch
    kept = result.history[result.kept_epoch - 1]
    assert weights.metadata["test_accuracy"] == kept["test_accuracy"] == result.test_accuracy
    assert float((answers(weights, data) == data.test.labels).mean()) == result.test_accuracy
    # The network that was kept has the validation loss that was recorded for its epoch.
    _, held = split_validation(data.train.labels, 0.2, 0)
    images = torch.from_numpy(data.train.images[held]).float() * PIXEL_SCALE
    with torch.inference_mode():
        log_p = network_from(weights)(images)
        loss = nn.NLLLoss()(log_p, torch.from_numpy(data.train.labels[held])).item()
    assert math.isclose(loss, kept["validation_loss"], rel_tol=1e-5)


def test_a_run_out_of_patience_is_finished_whatever_epochs_are_added(
    small_data: Path, tmp_path: Path, cli: Cli
) -> None:
    run = tmp_path / "run"
    train(TrainConfig(data=small_data, epochs=60, learning_rate=0.05, val_split=0.2, patience=1,
                      output=run))  # fmt: skip
    result = cli("train", "--resume", run, "--epochs", 90)
    assert result.exit_code == 2
    assert "--patience" in result.stderr


# Refusals


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--epochs", 0, "--epochs: is 0. Make it 1 or more"),
        ("--epochs", -3, "--epochs: is -3"),
        ("--batch-size", 0, "--batch-size: is 0"),
        ("--batch-size", -16, "--batch-size: is -16"),
        ("--lr", 0, "--lr: is 0"),
        ("--lr", -0.1, "--lr: is -0.1. Make it a number above 0"),
        ("--lr", "nan", "--lr: is nan"),
        ("--lr", "inf", "--lr: is inf"),
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
def test_a_bad_value_is_refused_before_any_data_is_touched(
    option: str, value: object, message: str, cli: Cli, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def untouchable(*arguments: object) -> None:
        raise AssertionError("data was touched")

    monkeypatch.setattr("cnnkit.train.load_dataset", untouchable)
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


def test_a_device_that_is_not_here_is_refused_and_nothing_is_left(
    cli: Cli, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = cli("train", "--device", "cuda", "--data", small_data, "--output", tmp_path / "run")
    assert result.exit_code == 3
    assert "--device cpu" in result.stderr
    assert not (tmp_path / "run").exists()


def test_without_pytorch_the_message_names_the_extra(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnkit.engines.find_spec", lambda name: None)
    result = cli("train", "--output", tmp_path / "run")
    assert result.exit_code == 3
    assert "cnnkit[train]" in result.stderr
    assert not (tmp_path / "run").exists()


def test_data_that_is_missing_leaves_no_run(cli: Cli, tmp_path: Path) -> None:
    result = cli("train", "--data", tmp_path / "absent", "--output", tmp_path / "run")
    assert result.exit_code == 2
    assert "absent" in result.stderr
    assert list(tmp_path.iterdir()) == []


# Things that go wrong on the way


def test_a_loss_that_overflows_stops_the_run(cli: Cli, small_data: Path, tmp_path: Path) -> None:
    result = cli("train", "--data", small_data, "--lr", 1e30, "--output", tmp_path / "run")
    assert result.exit_code == 1
    assert "0 complete epochs of 30 kept" in result.stderr
    assert "lower --lr" in result.stderr
    assert not (tmp_path / "run" / "weights.safetensors").exists()
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "diverged"


@pytest.mark.parametrize("where", ["loss", "parameter"])
def test_the_last_good_epoch_is_kept_when_a_later_one_diverges(
    where: str, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, steps = tmp_path / "run", TorchEngine.steps
    train(TrainConfig(data=small_data, epochs=1, output=run))
    good = (run / "weights.safetensors").read_bytes()

    def diverging(engine: TorchEngine, *arguments: Any) -> Iterator[tuple[float, int]]:
        yield from steps(engine, *arguments)
        if where == "loss":
            yield math.nan, 0
        else:
            engine.network.linear.bias.data[3] = math.inf

    monkeypatch.setattr(TorchEngine, "steps", diverging)
    with pytest.raises(VerdictError, match="1 complete epoch of 2 kept"):
        resume(run, epochs=2)
    assert (run / "weights.safetensors").read_bytes() == good
    assert len(records(run)) == len(read_state(run).history) == 1


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let the system refuse to write more than `size` bytes to a file, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# The state needs 48 KB, a picture 70 KB: the first limit stops epoch 2, the second the pictures.
@pytest.mark.parametrize(("size", "epochs"), [(40_000, 1), (60_000, 3)])
def test_a_full_disk_leaves_complete_epochs_whole(
    size: int, epochs: int, small_data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(TrainConfig(data=small_data, epochs=1, output=run))
    with file_size_limit(size), pytest.raises(StorageError, match=f"--resume {run}"):
        resume(run, epochs=3)
    assert not list(run.glob(".*"))
    assert len(records(run)) == len(read_state(run).history) == epochs
    resumed = resume(run, epochs=3)
    whole = train(TrainConfig(data=small_data, epochs=3, output=tmp_path / "whole"))
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()


def test_a_disk_that_is_full_from_the_start_leaves_nothing(
    cli: Cli, small_data: Path, tmp_path: Path
) -> None:
    with file_size_limit(1000):
        result = cli("train", "--data", small_data, "--output", tmp_path / "run")
    assert result.exit_code == 5
    assert "cannot be written" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_made_is_refused(
    cli: Cli, small_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    result = cli("train", "--data", small_data, "--output", tmp_path / "file" / "run")
    assert result.exit_code == 5
    assert "choose another --output" in result.stderr.lower()
    assert (tmp_path / "file").read_text() == "mine"
