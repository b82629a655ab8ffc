"""Learning rates and weight decay are PyTorch's, in both engines, before and after a resume."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.training import open_engine, read_metrics, settings
from torch import nn

from cnnkit import ops
from cnnkit.data.dataset import Dataset
from cnnkit.data.sampling import epoch_order
from cnnkit.errors import InputError
from cnnkit.runs.state import read_state, write_state
from cnnkit.runs.training_state import parameters
from cnnkit.train.engines.native import NativeEngine
from cnnkit.train.engines.pytorch import TorchEngine
from cnnkit.train.schedules import SCHEDULES, scheduled_rate
from cnnkit.train.trainer import TrainConfig, resume, train

pytestmark = pytest.mark.usefixtures("no_pictures")

EPSILON = float(np.finfo(np.float32).eps)
EACH_SCHEDULE = pytest.mark.parametrize("schedule", SCHEDULES)


def rates(schedule: str, epochs: int) -> list[float]:
    return [scheduled_rate(schedule, 1e-4, epoch, epochs) for epoch in range(1, epochs + 1)]


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 30])
@EACH_SCHEDULE
def test_rates_are_those_of_pytorchs_schedulers(schedule: str, epochs: int) -> None:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=1e-4)
    theirs: Any = {
        "constant": torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0),
        "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs),
        "step": torch.optim.lr_scheduler.StepLR(
            optimizer, step_size=math.ceil(epochs / 3), gamma=0.1
        ),
    }[schedule]
    expected = []
    for _ in range(epochs):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert rates(schedule, epochs) == pytest.approx(expected, rel=1e-12)


def step(
    engine: NativeEngine | TorchEngine, batch: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """Make one step and return the gradients that it used, by parameter."""
    if isinstance(engine, NativeEngine):
        loss, gradients, correct = engine.trainer.gradients(batch)
        assert list(engine.steps(batch, len(batch))) == [([loss], correct)]
        return engine.architecture.split(gradients)
    list(engine.steps(batch, len(batch)))
    return {
        name: parameter.grad.numpy().copy()
        for name, parameter in engine.network.named_parameters()
        if parameter.grad is not None
    }


# AdamW in float64 gets the engine's own gradients, which other tests hold against float64's: in a
# whole training of float64 a pool window whose two largest values differ by less than float32
# rounds would send its gradient to the other pixel, and no tolerance follows from that.
@pytest.mark.parametrize("decay", [0.0, 0.01, 10.0])
@EACH_SCHEDULE
@pytest.mark.parametrize("name", [*ops.available_isas(), "torch"])
def test_every_engine_updates_as_adamw_in_float64(
    name: str, schedule: str, decay: float, mnist: Dataset
) -> None:
    chosen = settings(mnist.train, rate=1.0, weight_decay=decay)
    engine = open_engine(name, chosen)
    exact = {
        name: nn.Parameter(torch.from_numpy(values).double())
        for name, values in parameters(chosen.state).items()
    }
    optimizer = torch.optim.AdamW(exact.values(), lr=1.0, weight_decay=decay)
    order = epoch_order(np.arange(60000), seed=0, epoch=1)
    for number, batch in enumerate(np.split(order[: 16 * 30], 30)):
        rate = rates(schedule, 3)[number // 10]
        engine.learning_rate = optimizer.param_groups[0]["lr"] = rate
        for parameter, gradient in step(engine, batch).items():
            exact[parameter].grad = torch.from_numpy(gradient).double()
        optimizer.step()
        found = parameters(engine.state())
        for parameter, wanted in exact.items():
            expected = wanted.detach().numpy()
            # Three roundings to float32 a step: the decay's factor, its product, and the update.
            close = 3 * (number + 1) * EPSILON / 2 * float(np.abs(expected).max())
            np.testing.assert_allclose(found[parameter], expected, rtol=0, atol=close)


@pytest.mark.parametrize(
    ("optimizer", "decay"), [(torch.optim.Adam, 0.0), (torch.optim.AdamW, 0.1)]
)
def test_the_torch_engine_is_pytorchs_optimizer_to_the_bit(
    optimizer: Any, decay: float, mnist: Dataset
) -> None:
    order = np.arange(320)
    given = settings(mnist.train, 1e-3, weight_decay=decay)
    engine, other = (TorchEngine(given) for _ in range(2))
    trained, state = other.network.parameters(), other.optimizer.state
    other.optimizer = optimizer(trained, lr=1e-3, weight_decay=decay, fused=True)
    other.optimizer.state = state
    for one, two in zip(engine.steps(order, 16), other.steps(order, 16), strict=True):
        assert one == two


# Runs


def trained(folder: Path, data: Path, engine: str, **choices: Any) -> list[dict[str, Any]]:
    config = TrainConfig(data=data, engine=engine, output=folder, **choices)
    return train(config, pictures=False).history


@pytest.mark.parametrize("engine", ["native", "torch"])
@EACH_SCHEDULE
def test_metrics_record_each_epochs_rate(
    schedule: str, engine: str, small_data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    trained(run, small_data, engine, epochs=3, schedule=schedule)
    assert [record["learning_rate"] for record in read_metrics(run)] == rates(schedule, 3)


def test_decay_and_schedule_from_the_command_line_change_the_weights(
    small_data: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    written = set()
    for number, words in enumerate(
        ([], ["--schedule", "cosine"], ["--schedule", "step"], ["--weight-decay", 0.1])
    ):
        run = tmp_path / str(number)
        done = cli("train", "--data", small_data, "--epochs", 2, "--output", run, *words)
        assert done.exit_code == 0
        written.add((run / "weights.safetensors").read_bytes())
    assert len(written) == 4


@pytest.mark.parametrize("engine", ["native", "torch"])
@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_an_interrupted_schedule_resumes_to_the_same_bits(
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
    resume(tmp_path / "cut", pictures=False)
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


def test_a_run_older_than_schedules_resumes_at_its_constant_rate(
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
    result = resume(tmp_path / "old", epochs=2, pictures=False)
    assert result.config.schedule == "constant"
    assert [record["learning_rate"] for record in result.history] == [1e-4, 1e-4]
    new, old = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("new", "old"))
    assert new == old
