"""Learning rates and weight decay are PyTorch's, in both engines, before and after a resume."""

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

from cnnkit import ops
from cnnkit.data.dataset import Dataset
from cnnkit.data.sampling import epoch_order
from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.nn.network import Network
from cnnkit.runs.state import read_state, write_state
from cnnkit.runs.training_state import fresh_state
from cnnkit.train.engines.native import NativeEngine
from cnnkit.train.engines.pytorch import TorchEngine
from cnnkit.train.schedules import SCHEDULES, scheduled_rate
from cnnkit.train.trainer import TrainConfig, resume, train

PUBLISHED = Architecture()
EACH_SCHEDULE = pytest.mark.parametrize("schedule", SCHEDULES)


def rates(schedule: str, epochs: int) -> list[float]:
    return [scheduled_rate(schedule, 1e-4, epoch, epochs) for epoch in range(1, epochs + 1)]


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 30])
@EACH_SCHEDULE
def test_rates_are_those_of_pytorchs_schedulers(schedule: str, epochs: int) -> None:
    optimiser = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=1e-4)
    theirs: Any = {
        "constant": torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0),
        "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=epochs),
        "step": torch.optim.lr_scheduler.StepLR(
            optimiser, step_size=math.ceil(epochs / 3), gamma=0.1
        ),
    }[schedule]
    expected = []
    for _ in range(epochs):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        theirs.step()
    assert rates(schedule, epochs) == pytest.approx(expected, rel=1e-12)


def plain_pytorch(
    data: Dataset, orders: list[np.ndarray[Any, Any]], rate_of_epoch: list[float], decay: float
) -> tuple[list[float], nn.Module]:
    """Train with torch.nn and torch.optim as they come, and return each step's loss."""
    network = Network(seed=0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1.0, weight_decay=decay)
    losses = []
    for order, rate in zip(orders, rate_of_epoch, strict=True):
        optimiser.param_groups[0]["lr"] = rate
        for start in range(0, len(order), 16):
            batch = order[start : start + 16]
            images = torch.from_numpy(data.train.images[batch]).float() * PIXEL_SCALE
            loss = nn.NLLLoss()(network(images), torch.from_numpy(data.train.labels[batch]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses, network


def steps_of(
    engine: NativeEngine | TorchEngine, orders: list[Any], rate_of_epoch: list[float]
) -> list[float]:
    losses = []
    for order, rate in zip(orders, rate_of_epoch, strict=True):
        engine.learning_rate = rate
        losses += [loss for part, _ in engine.steps(order, 16) for loss in part]
    return losses


# The largest decay takes a tenth from every parameter: a wrong formula would show.
@pytest.mark.parametrize("decay", [0.0, 0.01, 10.0])
@EACH_SCHEDULE
def test_every_engine_makes_the_steps_of_plain_adamw(
    schedule: str, decay: float, mnist: Dataset
) -> None:
    orders = np.split(epoch_order(np.arange(60000), seed=0, epoch=1)[: 16 * 150], 3)
    expected, network = plain_pytorch(mnist, orders, rates(schedule, 3), decay)
    start = fresh_state(PUBLISHED, 0)
    engines: dict[str, NativeEngine | TorchEngine] = {
        isa: NativeEngine(PUBLISHED, mnist.train, 1.0, "cpu", start, isa, weight_decay=decay)
        for isa in ops.available_isas()
    }
    engines["torch"] = TorchEngine(PUBLISHED, mnist.train, 1.0, "cpu", start, weight_decay=decay)
    for name, engine in engines.items():
        losses = steps_of(engine, orders, rates(schedule, 3))
        # Plain sums take another of two pixels that are equal but for rounding: see
        # test_the_first_200_steps_have_pytorchs_losses.
        close = 1e-3 if name == "scalar" else 1e-5
        np.testing.assert_allclose(losses, expected, rtol=0, atol=close, err_msg=name)
        for parameter, wanted in network.state_dict().items():
            found = engine.state()[f"parameters/{parameter}"]
            np.testing.assert_allclose(found, wanted, rtol=0, atol=close, err_msg=name)


def test_without_decay_the_torch_engine_is_adam_to_the_bit(mnist: Dataset) -> None:
    order = np.arange(320)
    engine = TorchEngine(PUBLISHED, mnist.train, 1e-3, "cpu", fresh_state(PUBLISHED, 0))
    other = TorchEngine(PUBLISHED, mnist.train, 1e-3, "cpu", fresh_state(PUBLISHED, 0))
    state = other.adam.state
    other.adam = torch.optim.Adam(other.network.parameters(), lr=1e-3, fused=True)  # type: ignore[assignment]
    other.adam.state = state
    for one, two in zip(engine.steps(order, 16), other.steps(order, 16), strict=True):
        assert one == two


# Runs


def trained(folder: Path, data: Path, engine: str, **choices: Any) -> list[dict[str, Any]]:
    config = TrainConfig(data=data, engine=engine, output=folder, **choices)
    return train(config).history


@pytest.mark.parametrize("engine", ["native", "torch"])
@EACH_SCHEDULE
def test_metrics_record_each_epochs_rate(
    schedule: str, engine: str, small_data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    trained(run, small_data, engine, epochs=3, schedule=schedule)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["learning_rate"] for line in lines] == rates(schedule, 3)


def test_decay_and_schedule_from_the_command_line_change_the_weights(
    small_data: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    written = set()
    for number, words in enumerate(
        ([], ["--schedule", "cosine"], ["--schedule", "step"], ["--weight-decay", 0.1])
    ):
        run = tmp_path / str(number)
        done = cli("train", "--data", small_data, "--epochs", 3, "--output", run, *words)
        assert done.exit_code == 0
        written.add((run / "weights.safetensors").read_bytes())
    assert len(written) == 4


@pytest.mark.parametrize("engine", ["native", "torch"])
@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_an_interrupted_schedule_goes_on_to_the_same_bits(
    schedule: str, engine: str, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices: dict[str, Any] = {
        **{"learning_rate": 1e-4, "epochs": 4, "schedule": schedule, "weight_decay": 0.1},
        **{"val_split": 0.2, "patience": 3},
    }
    trained(tmp_path / "whole", small_data, engine, **choices)
    kept: list[Any] = []

    def fail_in_epoch_3(*arguments: Any) -> None:
        kept.append(arguments)
        if len(kept) == 3:
            raise KeyboardInterrupt
        original(*arguments)

    from cnnkit.train import loop

    original = loop._add_epoch
    monkeypatch.setattr(loop, "_add_epoch", fail_in_epoch_3)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", small_data, engine, **choices)
    monkeypatch.undo()
    assert len(read_state(tmp_path / "cut").history) == 2
    resume(tmp_path / "cut")
    first, second = (
        (tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "cut")
    )
    assert first == second


@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_a_schedule_keeps_its_number_of_epochs(
    schedule: str, small_data: Path, tmp_path: Path
) -> None:
    trained(tmp_path / "run", small_data, "native", epochs=2, schedule=schedule)
    with pytest.raises(InputError, match=rf"--epochs: cannot change from 2, .* {schedule}"):
        resume(tmp_path / "run", epochs=3)


def test_validation_and_patience_decide_the_same_in_both_engines(
    small_data: Path, tmp_path: Path
) -> None:
    choices: dict[str, Any] = {
        **{"learning_rate": 5e-3, "epochs": 60, "schedule": "cosine", "weight_decay": 0.1},
        **{"val_split": 0.2, "patience": 2},
    }
    one, other = (
        trained(tmp_path / engine, small_data, engine, **choices) for engine in ("native", "torch")
    )
    assert len(one) == len(other) < 60
    for key in ("train_loss", "validation_loss"):
        values, expected = ([record[key] for record in history] for history in (one, other))
        np.testing.assert_allclose(values, expected, rtol=1e-2, err_msg=key)
    kept = [read_state(tmp_path / engine).kept_epoch for engine in ("native", "torch")]
    assert kept[0] == kept[1] == len(one) - 2


def test_a_run_older_than_schedules_goes_on_at_its_constant_rate(
    small_data: Path, tmp_path: Path
) -> None:
    trained(tmp_path / "new", small_data, "torch", epochs=2)
    trained(tmp_path / "old", small_data, "torch", epochs=1)
    state = read_state(tmp_path / "old")
    for key in ("schedule", "weight_decay", "engine"):
        del state.config[key]
    for record in state.history:
        del record["learning_rate"]
    write_state(tmp_path / "old", state)
    result = resume(tmp_path / "old", epochs=2)
    assert result.config.schedule == "constant"
    assert [record["learning_rate"] for record in result.history] == [1e-4, 1e-4]
    new, old = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("new", "old"))
    assert new == old
