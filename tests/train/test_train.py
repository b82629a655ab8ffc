"""Training follows PyTorch step by step, repeats to the bit, and refuses what makes no training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnkit.data.dataset import Dataset, load_dataset
from cnnkit.data.sampling import epoch_order, split_validation
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.weights import Weights
from cnnkit.nn.network import Network, network_from
from cnnkit.runs.training_state import fresh_state
from cnnkit.train.engines.pytorch import TorchEngine
from cnnkit.train.trainer import TrainConfig, train

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
        "training": {
            **{"epochs": 1, "batch_size": 16, "learning_rate": 1e-4, "seed": 0},
            **{"schedule": "constant", "weight_decay": 0.0},
        },
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
    losses = [loss for losses, _ in engine.steps(order, 16) for loss in losses]
    assert len(losses) == 151  # the last step takes the five images left over
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5)


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
            result = train(TrainConfig(data=small_data, epochs=1, engine=engine, output=output))
            assert torch.get_num_threads() == count  # the caller's setting is given back
        finally:
            torch.set_num_threads(threads)
        written.append(result.weights.read_bytes())
    output = tmp_path / "c"
    other = train(TrainConfig(data=small_data, epochs=1, seed=1, engine=engine, output=output))
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
