"""Which trainings a reproduction needs: `plan = published_runs(ReproduceConfig(), folder)`.

Every training has a folder of its own under the report's, named by its choices:

    runs/published/lr-0.0001-seed-0     as published: all images, 30 epochs
    runs/validation/lr-0.0001-seed-0    as recommended: a tenth held back, stopped by patience
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture
from cnnkit.runs.find import RUNS
from cnnkit.train.config import TrainConfig
from cnnkit.train.engines.base import ENGINES, choose_engine

RATES = (1e-4, 0.01, 0.05)  # as published
CANDIDATES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.05)  # to choose from: the published and between them
VALIDATION, PATIENCE = 0.1, 3  # share of the training images, and epochs
FEWEST_SEEDS, FEWEST_EPOCHS = 3, 6  # for a deviation; for an early and a late part of a curve


@dataclass(frozen=True)
class ReproduceConfig:
    """Every choice of a reproduction.

    Attributes:
        seeds: runs for each learning rate, with the seeds 0, 1, …
        engine: what trains: `native`, `torch` or `auto`, as in `TrainConfig`.
        data: a folder with the four IDX files; None means MNIST from the cache or the network.
        epochs: of each run, 30 as published; fewer serve for a quick look only.
        output: the report's folder; None means `runs/reproduce/mnist-<engine>`.
    """

    seeds: int = 3
    engine: str = "auto"
    data: Path | None = None
    epochs: int = 30
    output: Path | None = None

    def check(self) -> None:
        """Raise InputError for a value that makes no reproduction."""
        rules = (
            ("--seeds", self.seeds, self.seeds >= FEWEST_SEEDS, f"{FEWEST_SEEDS} or more"),
            ("--engine", self.engine, self.engine in ENGINES, f"one of {', '.join(ENGINES)}"),
            ("epochs", self.epochs, self.epochs >= FEWEST_EPOCHS, f"{FEWEST_EPOCHS} or more"),
        )
        for option, value, good, wanted in rules:
            if not good:
                raise InputError(option, f"is {value}", f"make it {wanted}")

    @property
    def folder(self) -> Path:
        """The report's folder: the same for the same engine, so that the same call goes on."""
        engine = choose_engine(self.engine, "auto", Architecture())
        return self.output or RUNS / "reproduce" / f"mnist-{engine}"


def published_runs(config: ReproduceConfig) -> list[TrainConfig]:
    """Return the published trainings, once a seed."""
    return [
        _training(config, "published", rate, seed) for rate in RATES for seed in range(config.seeds)
    ]


def validation_runs(config: ReproduceConfig) -> list[TrainConfig]:
    """Return the trainings that choose a learning rate and stop early, once a seed."""
    return [
        _training(config, "validation", rate, seed, VALIDATION, PATIENCE)
        for rate in CANDIDATES
        for seed in range(config.seeds)
    ]


def _training(
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
