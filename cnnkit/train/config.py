"""The hyperparameters and other settings of a training: `TrainConfig(learning_rate=1e-3)`.

NumPy is imported only inside the methods that need it: `cnnkit train --help` shows these defaults.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.data.registry import DATASETS
from cnnkit.errors import InputError
from cnnkit.train.schedules import SCHEDULES

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.graph.architecture import Architecture

MAX_BLOCKS, MAX_CHANNELS, MAX_KERNEL = 4, 1024, 11
LARGEST = 2**31 - 1  # what the engines' integers hold
ENGINES = ("auto", "native", "torch")
DEVICES = ("auto", "cpu", "cuda", "mps")
# What a run was trained with if its config lacks the key, because it is older than the setting.
LEGACY = {
    "engine": "torch",
    "channels": [16, 4],
    "kernel": 3,
    "pool": 2,
    "schedule": "constant",
    "weight_decay": 0.0,
}
SHORT_OPTIONS = {"learning_rate": "--lr"}  # every other option has its field's name


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a training; the defaults are the published ones.

    Attributes:
        dataset: a name in `cnnkit.data.registry.DATASETS`.
        data: a folder with the four IDX files; None means the cache or a download.
        channels: output channels of each block (convolution, ReLU, max-pool), 1 to 4 blocks.
        kernel: kernel size of every convolution, 1 to 11; the padding is half of it.
        pool: kernel size and stride of every max-pool.
        epochs: passes over the training images.
        batch_size: images per step; the last batch of an epoch may be smaller.
        learning_rate: Adam's in the first epoch; betas and epsilon are PyTorch's defaults.
        schedule: how the learning rate changes from epoch to epoch: a name in `SCHEDULES`.
        weight_decay: AdamW's decoupled weight decay: every step shrinks each parameter by learning
            rate times weight decay. 0 is plain Adam.
        seed: 0 to 2³²-1; determines the initial parameters, the shuffling and the validation split.
        device: `auto` (the CPU), `cpu`, `cuda` or `mps`.
        engine: `native` (cnnkit's own, on the CPU), `torch`, or `auto`: native if it supports the
            network and device, else torch. A run's config holds the resolved engine.
        val_split: fraction of the training images held out for validation, 0 to below 1.
        patience: stop after this many epochs without a lower validation loss.
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
        """Raise InputError for an invalid value."""
        from cnnkit.data.sampling import SEEDS

        low, high = min(self.channels, default=0), max(self.channels, default=0)
        channels = len(self.channels) <= MAX_BLOCKS and 1 <= low <= high <= MAX_CHANNELS
        channel_list = f"1 to {MAX_BLOCKS} numbers between 1 and {MAX_CHANNELS}, such as 16,4"
        positive = "1 or more"
        rules = (
            ("dataset", self.dataset in DATASETS, _one_of(DATASETS)),
            ("channels", channels, channel_list),
            ("kernel", 1 <= self.kernel <= MAX_KERNEL, f"1 to {MAX_KERNEL}"),
            ("pool", self.pool >= 1, positive),
            ("epochs", self.epochs >= 1, positive),
            ("batch_size", self.batch_size >= 1, positive),
            ("learning_rate", 0 < self.learning_rate < math.inf, "a number above 0"),
            ("schedule", self.schedule in SCHEDULES, _one_of(SCHEDULES)),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "0 or more"),
            ("seed", 0 <= self.seed < SEEDS, f"between 0 and {SEEDS - 1}"),
            ("device", self.device in DEVICES, _one_of(DEVICES)),
            ("engine", self.engine in ENGINES, _one_of(ENGINES)),
            ("val_split", 0 <= self.val_split < 1, "at least 0 and below 1"),
            ("patience", self.patience is None or self.patience >= 1, positive),
            *(
                (field, (getattr(self, field) or 0) <= LARGEST, f"{LARGEST} or less")
                for field in ("pool", "epochs", "batch_size", "patience")
            ),
        )
        for field, valid, allowed in rules:
            if not valid:
                value = getattr(self, field)
                shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
                raise InputError(option_name(field), f"is {shown}", f"make it {allowed}")
        if self.patience is not None and not self.val_split:
            raise InputError(
                "--patience", "has no validation images to watch", "add --val-split 0.1"
            )

    def architecture(self, data: Dataset) -> Architecture:
        """Return the network for these images and classes.

        Raises:
            InputError: the blocks reduce the images to nothing.
        """
        from cnnkit.graph.architecture import Architecture, Block

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
        """Return the config that `to_json` wrote.

        Raises:
            InputError: its keys are not this version's.
        """
        values = {**LEGACY, **values}
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise InputError(
                "the run's config",
                f"has the keys {sorted(values)}, not {sorted(known)}",
                "use the version of cnnkit that wrote it, or train again",
            )
        paths = {key: Path(values[key]) for key in ("data", "output") if values[key] is not None}
        return cls(**{**values, **paths, "channels": tuple(values["channels"])})


def option_name(field: str) -> str:
    """Return the command-line option of a field of TrainConfig."""
    return SHORT_OPTIONS.get(field, f"--{field.replace('_', '-')}")


def _one_of(names: Iterable[str]) -> str:
    return f"one of {', '.join(names)}"
