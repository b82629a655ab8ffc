"""The hyperparameters and other settings of a training: `TrainConfig(learning_rate=1e-3)`.

NumPy is imported only inside the methods that need it: `cnnkit train --help` shows these defaults.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.data.own.options import PictureOptions
from cnnkit.data.registry import DATASETS
from cnnkit.errors import InputError
from cnnkit.graph.names import WELL_KNOWN
from cnnkit.train.augmentation import PRESETS, read_policy
from cnnkit.train.normalising import check_option, mean_and_std
from cnnkit.train.schedules import SCHEDULES

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.graph.graph import Graph

MAX_BLOCKS, MAX_CHANNELS, MAX_KERNEL = 4, 1024, 11
LARGEST = 2**31 - 1  # what the engines' integers hold
ENGINES = ("auto", "native", "torch")
DEVICES = ("auto", "cpu", "cuda", "mps")
MONITORS = ("loss", "accuracy", "balanced-accuracy")
# What a run was trained with if its config lacks the key, because it is older than the setting.
LEGACY = {
    "engine": "torch",
    "channels": [16, 4],
    "kernel": 3,
    "pool": 2,
    "schedule": "constant",
    "weight_decay": 0.0,
    "manifest": None,
    "size": None,
    "fit": "pad",
    "color": "auto",
    "test_split": 0.2,
    "bad": "fail",
    "augment": "none",
    "class_weights": "none",
    "label_smoothing": 0.0,
    "warmup": 0,
    "monitor": "loss",
    "weights": None,
    "tensorboard": False,
    "network": "paper",
    "normalize": "none",
    "qat": None,
}
PAPER = "paper"
OWN = "torchvision:NAME, timm:NAME or package.module:factory"
SHORT_OPTIONS = {"learning_rate": "--lr"}  # every other option has its field's name


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a training; the defaults are the published ones.

    Attributes:
        dataset: a name in `cnnkit.data.registry.DATASETS`.
        data: a person's own data, as `cnnkit.data.load_dataset` takes it; None means the cache or a
            download of `dataset`.
        manifest: a table of labels for the pictures in `data`.
        size: height and width that pictures get, as "32" or "24x32"; None means to look. A run's
            config holds the resolved size, and the resolved color.
        fit: `pad`, `stretch` or `crop`: how pictures of other proportions get that size.
        color: `gray`, `rgb`, or `auto`: gray if all pictures are.
        test_split: share of the pictures held out for the test, if none are for it.
        bad: `fail` or `skip`: what happens to pictures that cannot be used.
        normalize: what scaled pixels are normalised with, channel by channel: `none`, `dataset`
            (mean and standard deviation of the training images), `imagenet`, or MEAN,STD.
        network: `paper`, the published network and its variations, or a name in
            `cnnkit.graph.networks.NETWORKS`, or a module, as
            `cnnkit.nn.factories.make_module` takes it.
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
        patience: stop after this many epochs in which validation did not improve.
        output: the run folder; None means the next free `runs/train/<dataset>-<n>`, called after
            the folder for own data.
        augment: how the training images are changed in every epoch: a name in `PRESETS` of
            `cnnkit.train.augmentation`, a TOML file, or the operations with their ranges.
        class_weights: of the classes in the loss: `none`, `auto` or NAME=WEIGHT,….
        label_smoothing: PyTorch's, 0 to below 1: the share of the target that all classes get.
        warmup: epochs before the schedule begins, in which the learning rate rises to its own.
        monitor: what shows on the validation images whether an epoch is the best: a name in
            `MONITORS`.
        weights: a run or a weights file with the initial parameters; None draws them. With another
            number of classes all but the last layer's are taken.
        tensorboard: whether each epoch's record is also written for TensorBoard.
        qat: a run whose network is trained on as its 8-bit form computes;
            `cnnkit.train.quantisation_aware` has the config for that.
    """

    dataset: str = "mnist"
    data: Path | None = None
    manifest: Path | None = None
    size: str | None = None
    fit: str = "pad"
    color: str = "auto"
    test_split: float = 0.2
    bad: str = "fail"
    normalize: str = "none"
    network: str = PAPER
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
    augment: str | dict[str, Any] = "none"
    class_weights: str = "none"
    label_smoothing: float = 0.0
    warmup: int = 0
    monitor: str = "loss"
    weights: Path | None = None
    tensorboard: bool = False
    qat: Path | None = None

    def check(self) -> None:
        """Raise InputError for an invalid value."""
        from cnnkit.data.sampling import SEEDS

        low, high = min(self.channels, default=0), max(self.channels, default=0)
        channels = len(self.channels) <= MAX_BLOCKS and 1 <= low <= high <= MAX_CHANNELS
        channel_list = f"1 to {MAX_BLOCKS} numbers between 1 and {MAX_CHANNELS}, such as 16,4"
        positive = "1 or more"
        rules = (
            ("dataset", self.dataset in DATASETS, f"{_one_of(DATASETS)}; others go to --data"),
            ("network", self._names_network(), f"{_one_of((PAPER, *WELL_KNOWN))}, {OWN}"),
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
            ("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and below 1"),
            ("warmup", 0 <= self.warmup < self.epochs, "0 or more, and fewer than the epochs"),
            ("monitor", self.monitor in MONITORS, _one_of(MONITORS)),
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
        self._check_blocks()
        if self.qat is not None and self.engine == "native":
            raise InputError(
                "--qat", "trains with PyTorch", "leave --engine out, or use --engine torch"
            )
        self.pictures().check()
        read_policy(self.augment)
        check_option(self.normalize)
        if self.data is None:
            self.check_watched(None)

    def _names_network(self) -> bool:
        source, colon, name = self.network.partition(":")
        names = [part for part in source.split(".") if part]
        own = bool(colon) and source.count(".") == len(names) - 1 and bool(name)
        return own or self.network in (PAPER, *WELL_KNOWN)

    def _check_blocks(self) -> None:
        """Raise InputError if blocks are described for a network that has its own."""
        for field in ("channels", "kernel", "pool") if self.network != PAPER else ():
            if getattr(self, field) != getattr(TrainConfig, field):
                raise InputError(
                    option_name(field),
                    f"describes blocks, which --network {self.network} has of its own",
                    f"leave one of them out, or use --network {PAPER}",
                )

    def pictures(self) -> PictureOptions:
        """Return how pictures are prepared and split; raises InputError for an invalid size."""
        return PictureOptions.of(vars(self))

    def check_watched(self, data: Dataset | None) -> None:
        """Raise InputError if validation is to be watched, but there are no images for it."""
        if self.val_split or (data is not None and data.validation is not None):
            return
        watching = {"--patience": self.patience is not None, "--monitor": self.monitor != "loss"}
        for option, given in watching.items():
            if given:
                raise InputError(option, "has no validation images to watch", "add --val-split 0.1")

    def prepared(self, data: Dataset) -> TrainConfig:
        """Return the config with the size and color that the pictures got."""
        record = data.preprocessing
        if record is None:
            return self
        _, height, width = record.size
        return replace(self, size=f"{height}x{width}", color=record.colour)

    def normalised(self, data: Dataset) -> Dataset:
        """Return the data with mean and standard deviation in its record, as `normalize` has it.

        Raises:
            InputError: it does not fit the images.
        """
        from cnnkit.data.sampling import validation_split
        from cnnkit.graph.preprocessing import RECIPES, Preprocessing

        if self.normalize == "none":
            return data
        chosen, _ = validation_split(data, self.val_split, self.seed)
        images = data.train.images
        mean, std = mean_and_std(
            self.normalize, images if len(chosen) == len(images) else images[chosen]
        )
        recipe = data.name if data.name in RECIPES else None
        record = data.preprocessing or Preprocessing.of(images.shape[1:], recipe)
        return replace(data, preprocessing=replace(record, mean=mean, std=std))

    def graph(self, data: Dataset) -> Graph:
        """Return the network for these images and classes, with its initial parameters.

        Raises:
            InputError: the images are too small for it.
        """
        from cnnkit.graph.normalisation import normalise

        graph, record = self._network(data), data.preprocessing
        if record is None or not record.normalises:
            return graph
        return normalise(graph, record.mean, record.std)

    def _network(self, data: Dataset) -> Graph:
        from cnnkit.graph.architecture import Architecture, Block
        from cnnkit.graph.convnet import draw
        from cnnkit.graph.networks import build_network

        channels, height, width = data.train.images.shape[1:]
        size, classes = (channels, height, width), len(data.names)
        if ":" in self.network:
            from cnnkit.train.engines.base import require_packages

            require_packages("torch")
            from cnnkit.nn.own_network import own_graph

            return own_graph(self.network, size, classes, self.seed)
        if self.network != PAPER:
            return build_network(self.network, size, classes, self.seed)
        blocks = [Block(count, self.kernel, self.kernel // 2, self.pool) for count in self.channels]
        network = Architecture(size, tuple(blocks), classes)
        network.feature_shapes()
        return draw(network, self.seed)

    def resolved(self) -> TrainConfig:
        """Return the config with the operations of an augmentation's file in place of its path."""
        named = isinstance(self.augment, str) and self.augment in PRESETS
        return self if named else replace(self, augment=read_policy(self.augment))

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
        keys = ("data", "manifest", "output", "weights", "qat")
        paths = {key: Path(values[key]) for key in keys if values[key] is not None}
        return cls(**{**values, **paths, "channels": tuple(values["channels"])})


def option_name(field: str) -> str:
    """Return the command-line option of a field of TrainConfig."""
    return SHORT_OPTIONS.get(field, f"--{field.replace('_', '-')}")


def _one_of(names: Iterable[str]) -> str:
    return f"one of {', '.join(names)}"
