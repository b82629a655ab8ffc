"""Helpers for tests that train: metrics of a run, losses of an engine, waiting for a process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import draw
from cnnkit.runs.folder import publish
from cnnkit.runs.state import read_state, write_state
from cnnkit.runs.training_state import fresh_state
from cnnkit.train.engines.base import Engine, EngineSettings, Pixels
from cnnkit.train.engines.native import NativeEngine
from cnnkit.train.engines.pytorch import TorchEngine
from cnnkit.train.trainer import TrainConfig, train

DEADLINE = 300  # seconds; a busy machine takes a minute to import PyTorch three times


def settings(
    split: Split, rate: float = 1e-4, architecture: Architecture | None = None, **changes: Any
) -> EngineSettings:
    """Return the settings of an engine that starts from seed 0 on the CPU."""
    graph = draw(architecture or Architecture())
    given = {"state": fresh_state(graph), "device": "cpu", **changes}
    return EngineSettings(graph, split, learning_rate=rate, **given)


def open_engine(name: str | None, chosen: EngineSettings) -> NativeEngine | TorchEngine:
    """Return PyTorch's engine for "torch", or the native one on an instruction set, or the best."""
    return TorchEngine(chosen) if name == "torch" else NativeEngine(chosen, isa=name)


def all_losses(
    engine: Engine, order: NDArray[np.int64], batch_size: int, pixels: Pixels | None = None
) -> list[float]:
    return [loss for losses, _ in engine.steps(order, batch_size, pixels) for loss in losses]


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def train_one_of_two_epochs(config: TrainConfig) -> None:
    """Leave a run as an interruption after the first of its two epochs does."""
    folder = train(replace(config, epochs=1), pictures=False).folder
    state = read_state(folder)
    state.config["epochs"] = 2
    write_state(folder, state)
    publish(folder, state, "interrupted")


def wait_until(condition: Callable[[], bool], check: Callable[[], Any] = lambda: None) -> None:
    """Wait for a condition, calling `check` meanwhile, which may raise."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        check()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is no zombie, by Linux's own files."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
