"""The trainings of a reproduction: `configs = published_runs(ReproduceConfig())`.

Every training has a folder under the report's, named after its settings:

    runs/published/lr-0.0001-seed-0     as published: all images, 30 epochs
    runs/validation/lr-0.0001-seed-0    as recommended: a tenth held out, early stopping
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import draw
from cnnkit.runs.find import RUNS
from cnnkit.train.config import ENGINES, TrainConfig
from cnnkit.train.engines.base import choose_engine

RATES = (1e-4, 0.01, 0.05)  # as published
CANDIDATES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.05)  # the published rates and some between them
VALIDATION, PATIENCE = 0.1, 3  # fraction of the training images; epochs
MIN_SEEDS, MIN_EPOCHS = 3, 6  # for a standard deviation; for an early and a late sixth of a curve
MAX_SEEDS = 1000


@dataclass(frozen=True)
class ReproduceConfig:
    """All settings of a reproduction.

    Attributes:
        seeds: runs per learning rate, with the seeds 0, 1, …
        engine: `native`, `torch` or `auto`, as in `TrainConfig`.
        data: a folder with MNIST's four IDX files; None means the cache or a download.
        epochs: of each run, 30 as published; fewer are only a preview.
        output: the report's folder; None means `runs/reproduce/mnist-<engine>`.
    """

    seeds: int = 3
    engine: str = "auto"
    data: Path | None = None
    epochs: int = 30
    output: Path | None = None

    def check(self) -> None:
        """Raise InputError for an invalid value."""
        rules = (
            ("--seeds", self.seeds, self.seeds >= MIN_SEEDS, f"{MIN_SEEDS} or more"),
            ("--seeds", self.seeds, self.seeds <= MAX_SEEDS, f"{MAX_SEEDS} or less"),
            ("--engine", self.engine, self.engine in ENGINES, f"one of {', '.join(ENGINES)}"),
            ("epochs", self.epochs, self.epochs >= MIN_EPOCHS, f"{MIN_EPOCHS} or more"),
        )
        for option, value, valid, allowed in rules:
            if not valid:
                raise InputError(option, f"is {value}", f"make it {allowed}")

    @property
    def folder(self) -> Path:
        """The report's folder; by default named after the engine, so a repeated call resumes."""
        engine = choose_engine(self.engine, "auto", draw(Architecture()))
        return self.output or RUNS / "reproduce" / f"mnist-{engine}"


def published_runs(config: ReproduceConfig) -> list[TrainConfig]:
    """Return the configs of the published trainings, one per learning rate and seed."""
    return [
        _config(config, "published", rate, seed) for rate in RATES for seed in range(config.seeds)
    ]


def validation_runs(config: ReproduceConfig) -> list[TrainConfig]:
    """Return the configs with validation and early stopping, one per candidate and seed."""
    return [
        _config(config, "validation", rate, seed, VALIDATION, PATIENCE)
        for rate in CANDIDATES
        for seed in range(config.seeds)
    ]


def _config(
    config: ReproduceConfig,
    kind: str,
    rate: float,
    seed: int,
    val_split: float = 0.0,
    patience: int | None = None,
) -> TrainConfig:
    return TrainConfig(
        data=config.data,
        epochs=config.epochs,
        learning_rate=rate,
        seed=seed,
        engine=config.engine,
        val_split=val_split,
        patience=patience,
        output=config.folder / "runs" / kind / f"lr-{rate:g}-seed-{seed}",
    )
