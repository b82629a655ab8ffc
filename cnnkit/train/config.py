"""What a training may choose: `TrainConfig(learning_rate=1e-3)`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cnnkit.data.dataset import Dataset
from cnnkit.data.registry import DATASETS
from cnnkit.data.sampling import SEEDS
from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.train.engines.base import ENGINES
from cnnkit.train.schedules import SCHEDULES

MOST_BLOCKS, MOST_CHANNELS, MOST_KERNEL = 4, 1024, 11
DEVICES = ("auto", "cpu", "cuda", "mps")
# What a run had for certain whose config does not name it: it is older than the choice.
BEFORE = {
    "engine": "torch",
    "channels": [16, 4],
    "kernel": 3,
    "pool": 2,
    "schedule": "constant",
    "weight_decay": 0.0,
}


@dataclass(frozen=True)
class TrainConfig:
    """Every choice of a training; the defaults are the published ones.

    Attributes:
        dataset: a name in `cnnkit.data.DATASETS`.
        data: a folder with the four IDX files; None means the cache or the network.
        channels: of each block: 1 to 4 blocks of convolution, ReLU and max-pool.
        kernel: side of every block's convolution, 1 to 11, padded by half of it.
        pool: side of every block's pool window.
        epochs: passes over the training images.
        batch_size: images per step; an epoch's last step takes what is left over.
        learning_rate: Adam's in the first epoch; its betas and epsilon are PyTorch's defaults.
        schedule: how the rate goes on, epoch by epoch: a name in `schedules.SCHEDULES`.
        weight_decay: AdamW's, decoupled from the gradient; it takes learning rate times weight
            decay from every parameter in every step. 0 is plain Adam.
        seed: 0 to 2³²-1; fixes the initial parameters, the order of images and the split.
        device: `auto` (the CPU), `cpu`, `cuda` or `mps`.
        engine: `native` (cnnkit's own, on the CPU), `torch`, or `auto`:
            native where it can, else torch. A run's config has what was chosen.
        val_split: share of the training images, 0 to below 1, kept for validation.
        patience: stop after so many epochs without a lower validation loss.
        output: the run folder; None means the next free `runs/train/<dataset>-<n>`.
    """

    dataset: str = "mnist"
    data: Path | None = None
    channels: tuple[int, ...] = (16, 4)
    kernel: int = 3
    pool: int = 2
    epochs: int = 30
    batch_size: int = 16
    learning_rate: float = 1e-4
    schedule: str = "constant"
    weight_decay: float = 0.0
    seed: int = 0
    device: str = "auto"
    engine: str = "auto"
    val_split: float = 0.0
    patience: int | None = None
    output: Path | None = None

    def check(self) -> None:
        """Raise InputError for a value that makes no training."""
        patience = 1 if self.patience is None else self.patience
        rules = (
            ("--dataset", self.dataset, self.dataset in DATASETS, f"one of {', '.join(DATASETS)}"),
            (
                "--channels",
                ",".join(map(str, self.channels)),
                1 <= len(self.channels) <= MOST_BLOCKS
                and 1 <= min(self.channels) <= max(self.channels) <= MOST_CHANNELS,
                f"1 to {MOST_BLOCKS} numbers between 1 and {MOST_CHANNELS}, such as 16,4",
            ),
            ("--kernel", self.kernel, 1 <= self.kernel <= MOST_KERNEL, f"1 to {MOST_KERNEL}"),
            ("--pool", self.pool, self.pool >= 1, "1 or more"),
            ("--epochs", self.epochs, self.epochs >= 1, "1 or more"),
            ("--batch-size", self.batch_size, self.batch_size >= 1, "1 or more"),
            ("--lr", self.learning_rate, 0 < self.learning_rate < math.inf, "a number above 0"),
            (
                "--schedule",
                self.schedule,
                self.schedule in SCHEDULES,
                f"one of {', '.join(SCHEDULES)}",
            ),
            ("--weight-decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "0 or more"),
            ("--seed", self.seed, 0 <= self.seed < SEEDS, f"between 0 and {SEEDS - 1}"),
            ("--device", self.device, self.device in DEVICES, f"one of {', '.join(DEVICES)}"),
            ("--engine", self.engine, self.engine in ENGINES, f"one of {', '.join(ENGINES)}"),
            ("--val-split", self.val_split, 0 <= self.val_split < 1, "at least 0 and below 1"),
            ("--patience", patience, patience >= 1, "1 or more"),
        )
        for option, value, good, wanted in rules:
            if not good:
                raise InputError(option, f"is {value}", f"make it {wanted}")
        if self.patience is not None and not self.val_split:
            raise InputError(
                "--patience", "has no validation images to watch", "add --val-split 0.1"
            )

    def architecture(self, data: Dataset) -> Architecture:
        """Return the network for this data.

        Raises:
            InputError: its blocks leave nothing of the images.
        """
        channels, height, width = data.train.images.shape[1:]
        blocks = [Block(count, self.kernel, self.kernel // 2, self.pool) for count in self.channels]
        network = Architecture((channels, height, width), tuple(blocks), len(data.names))
        network.feature_shapes()
        return network

    def to_json(self) -> dict[str, Any]:
        """Return the config as JSON values, paths as strings."""
        values = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
        return {**values, "channels": list(self.channels)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainConfig:
        """Read what `to_json` wrote.

        Raises:
            InputError: it has other keys than this version's.
        """
        values = {**BEFORE, **values}
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise InputError(
                "the run's config",
                f"has the keys {sorted(values)}, not {sorted(known)}",
                "use the version of cnnkit that wrote it, or train again",
            )
        paths = {key: Path(values[key]) for key in ("data", "output") if values[key] is not None}
        return cls(**{**values, **paths, "channels": tuple(values["channels"])})
