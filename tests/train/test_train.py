"""The published training, its losses and metadata, bit-reproducibility, and validation."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.training import read_metrics
from torch import nn

from cnnkit.data.dataset import Dataset
from cnnkit.data.load import load_dataset
from cnnkit.data.sampling import split_validation
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.weights import Weights
from cnnkit.nn.network import network_from
from cnnkit.train.hints import slow_learning, slow_shape
from cnnkit.train.trainer import TrainConfig, train

Cli = Callable[..., Any]


def predictions(weights: Weights, data: Dataset) -> np.ndarray[Any, Any]:
    images = torch.from_numpy(data.test.images).float() * PIXEL_SCALE
    with torch.inference_mode():
        return np.asarray(network_from(weights.graph)(images).argmax(1).numpy())


# The published training


def test_one_epoch_with_the_published_settings_reaches_88_percent(trained_run: Path) -> None:
    [record] = read_metrics(trained_run)
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
    assert math.isclose(np.mean(losses), read_metrics(trained_run)[0]["train_loss"], abs_tol=1e-4)


def test_few_pictures_at_the_default_rate_get_a_hint() -> None:
    assert "--lr 1e-3" in slow_learning(TrainConfig(), 1437)
    assert slow_learning(TrainConfig(), 60_000) == ""
    assert slow_learning(TrainConfig(learning_rate=1e-3), 1437) == ""
    assert slow_learning(TrainConfig(epochs=1), 60_000) == "", "a trial of one epoch is no mistake"


@pytest.mark.parametrize(
    ("options", "slow"),
    [({}, False), ({"kernel": 5}, True), ({"pool": 3}, True), ({"channels": (32, 8)}, True)],
)
def test_a_network_without_an_engine_of_its_own_gets_a_hint(
    options: dict[str, Any], slow: bool, mnist: Dataset
) -> None:
    config = TrainConfig(engine="native", **options)
    assert ("several times as slowly" in slow_shape(config, config.graph(mnist))) is slow


def test_weights_carry_what_an_export_needs_and_no_path(trained: Weights, mnist: Dataset) -> None:
    assert dict(trained.metadata) == {
        "names": list("0123456789"),
        "dataset": "mnist",
        "dataset_sha256": mnist.sha256,
        "test_accuracy": trained.metadata["test_accuracy"],
        "training": {
            **{"epochs": 1, "batch_size": 16, "learning_rate": 1e-4, "seed": 0},
            **{"schedule": "constant", "weight_decay": 0.0},
        },
    }


def test_the_reported_accuracy_is_the_kept_networks(trained: Weights, mnist: Dataset) -> None:
    right = float((predictions(trained, mnist) == mnist.test.labels).mean())
    # PyTorch in another memory layout rounds differently, which may decide a near tie.
    assert abs(right - trained.metadata["test_accuracy"]) <= 2e-4


# Repeatable


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(
    engine: str, small_data: Path, tmp_path: Path
) -> None:
    written, threads = [], torch.get_num_threads()
    for name, count in (("a", 1), ("b", 2)):
        torch.set_num_threads(count)
        try:
            output = tmp_path / name
            config = TrainConfig(data=small_data, epochs=1, engine=engine, output=output)
            result = train(config, pictures=False)
            assert torch.get_num_threads() == count  # the caller's setting is restored
        finally:
            torch.set_num_threads(threads)
        written.append(result.weights.read_bytes())
    config = TrainConfig(data=small_data, epochs=1, seed=1, engine=engine, output=tmp_path / "c")
    other = train(config, pictures=False)
    assert written[0] == written[1] != other.weights.read_bytes()


# Validation


def test_validation_keeps_the_best_epoch_and_patience_ends_the_run(
    small_data: Path, tmp_path: Path
) -> None:
    config = TrainConfig(
        data=small_data, epochs=60, learning_rate=0.02, val_split=0.2, patience=3,
        output=tmp_path / "run",
    )  # fmt: skip
    result = train(config, pictures=False)
    losses = [record["validation_loss"] for record in result.history]
    assert len(losses) < config.epochs
    assert result.kept_epoch == int(np.argmin(losses)) + 1 == len(losses) - 3
    weights, data = read_weights(result.weights), load_dataset("mnist", small_data)
    assert weights.metadata["training"]["epochs"] == result.kept_epoch
    kept = result.history[result.kept_epoch - 1]
    assert weights.metadata["test_accuracy"] == kept["test_accuracy"] == result.test_accuracy
    assert float((predictions(weights, data) == data.test.labels).mean()) == result.test_accuracy
    # The kept network has the validation loss recorded for its epoch.
    _, held = split_validation(data.train.labels, 0.2, 0)
    images = torch.from_numpy(data.train.images[held]).float() * PIXEL_SCALE
    with torch.inference_mode():
        log_p = network_from(weights.graph)(images)
        loss = nn.NLLLoss()(log_p, torch.from_numpy(data.train.labels[held])).item()
    assert math.isclose(loss, kept["validation_loss"], rel_tol=1e-5)


def test_a_run_out_of_patience_is_finished_whatever_epochs_are_added(
    small_data: Path, tmp_path: Path, cli: Cli
) -> None:
    run = tmp_path / "run"
    config = TrainConfig(
        data=small_data, epochs=60, learning_rate=0.05, val_split=0.2, patience=1, output=run
    )
    train(config, pictures=False)
    result = cli("train", "--resume", run, "--epochs", 90)
    assert result.exit_code == 2
    assert "--patience" in result.stderr
