"""Training, repeatable to the bit: `train(TrainConfig())`, `resume(Path("runs/train/mnist-1"))`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from cnnkit.architecture import Architecture, Block
from cnnkit.checkpoint import RUNS, WEIGHTS_FILE
from cnnkit.data import DATASETS, Dataset, load_dataset
from cnnkit.engines import ENGINES, choose_engine, fresh_state, open_engine, require_packages
from cnnkit.errors import InputError, StorageError
from cnnkit.loop import run
from cnnkit.progress import Follow
from cnnkit.run_state import RunState, read_state, write_state
from cnnkit.runs import FINISHED, PICTURES, check_free, claim_folder, published_status
from cnnkit.sampling import SEEDS, split_validation
from cnnkit.schedules import SCHEDULES

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
        schedule: how the rate goes on, epoch by epoch: a name in `cnnkit.schedules.SCHEDULES`.
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


@dataclass(frozen=True)
class TrainResult:
    """What a finished training leaves.

    Attributes:
        folder: the run folder.
        config: the resolved config.
        history: one record per epoch, as in metrics.jsonl.
        kept_epoch: the epoch whose parameters are in weights.safetensors.
        test_accuracy: theirs, 0 to 1.
    """

    folder: Path
    config: TrainConfig
    history: list[dict[str, Any]]
    kept_epoch: int
    test_accuracy: float

    @property
    def weights(self) -> Path:
        """The weights file."""
        return self.folder / WEIGHTS_FILE

    @property
    def pictures(self) -> list[Path]:
        """The pictures that were drawn."""
        return [path for name in PICTURES if (path := self.folder / name).exists()]

    @property
    def seconds(self) -> float:
        """How long the training steps of all epochs took."""
        return float(sum(epoch["seconds"] for epoch in self.history))

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "run": str(self.folder),
            "weights": str(self.weights),
            "pictures": [str(path) for path in self.pictures],
            "test_accuracy": self.test_accuracy,
            "kept_epoch": self.kept_epoch,
            "seconds": round(self.seconds, 3),
            "config": self.config.to_json(),
            "history": self.history,
        }


def train(
    config: TrainConfig,
    console: Console | None = None,
    data: Dataset | None = None,
    follow: Follow | None = None,
    pictures: bool = True,
) -> TrainResult:
    """Train from the beginning into a new run folder.

    Args:
        config: all choices.
        console: where to show progress; None shows nothing.
        data: the config's data, if it is loaded already.
        follow: is told some times a second, and after each epoch, how far the training is.
        pictures: whether to draw the run's pictures at its end.

    Raises:
        InputError: a bad choice, bad data, or an output folder that is not free.
        MissingError: the device or a package is not here.
        NetworkError: the data cannot be fetched.
        StorageError: the run folder cannot be written.
        VerdictError: the loss or a parameter became NaN or infinite.
        TrainingInterruptedError: SIGINT or SIGTERM came.
    """
    config.check()
    console = console or Console(quiet=True)
    if config.output is not None:
        check_free(config.output)
    require_packages(config.engine)
    data = data or load_dataset(config.dataset, config.data, console.quiet)
    architecture = config.architecture(data)
    config = replace(config, engine=choose_engine(config.engine, config.device, architecture))
    make = open_engine(config.engine)
    start = fresh_state(architecture, config.seed)
    split_validation(data.train.labels, config.val_split, config.seed)
    engine = make(
        architecture, data.train, config.learning_rate, config.device, start,
        weight_decay=config.weight_decay,
    )  # fmt: skip
    folder = claim_folder(config.output, RUNS / "train", data.name)
    config = replace(config, output=folder)
    state = RunState.new(config.to_json(), data, architecture, start)
    try:
        write_state(folder, state)
    except StorageError:
        folder.rmdir()  # a folder without a state would be in the way of the next attempt
        raise
    run(folder, state, data, engine, console, follow, pictures)
    return _result(folder, config, state)


def resume(
    folder: Path,
    epochs: int | None = None,
    data_folder: Path | None = None,
    console: Console | None = None,
    data: Dataset | None = None,
    follow: Follow | None = None,
    pictures: bool = True,
) -> TrainResult:
    """Go on with a run, to the bit as if it had never stopped.

    Args:
        folder: the run folder; it may have been moved.
        epochs: a new total, which also extends a finished run; None keeps the run's own. A
            schedule other than `constant` allows no other total: it shapes every epoch's rate.
        data_folder: where the IDX files are now; None means where they were.
        console: where to show progress; None shows nothing.
        data: the run's data, if it is loaded already.
        follow: as `train`.
        pictures: as `train`.

    Raises:
        InputError: no run, a finished or damaged one, one of another version, or other data.
        MissingError, NetworkError, StorageError, VerdictError: as `train`.
        TrainingInterruptedError: SIGINT or SIGTERM came.
    """
    state = read_state(folder)
    config = TrainConfig.from_json(state.config)
    config = replace(config, output=folder, data=data_folder or config.data)
    if epochs is not None:
        _check_extensible(config, epochs)
        config = replace(config, epochs=epochs)
    config.check()
    if config.epochs < len(state.history):
        raise InputError(
            "--epochs",
            f"is {config.epochs}, and {folder} has {len(state.history)} already",
            "give a larger number, or train again",
        )
    state.config = config.to_json()
    if state.complete and published_status(folder) == FINISHED:
        more = (
            "train again with more --patience"
            if state.out_of_patience
            else (f"give more --epochs than {len(state.history)} to extend it, or train again")
        )
        raise InputError(folder, "is a finished run", more)
    console = console or Console(quiet=True)
    make = open_engine(config.engine)
    data = data or load_dataset(config.dataset, config.data, console.quiet)
    check_same_data(state, data)
    engine = make(
        state.architecture, data.train, config.learning_rate, config.device, state.engine,
        weight_decay=config.weight_decay,
    )  # fmt: skip
    run(folder, state, data, engine, console, follow, pictures)
    return _result(folder, config, state)


def _check_extensible(config: TrainConfig, epochs: int) -> None:
    """Raise InputError if with `epochs` the run would have begun with other learning rates."""
    if config.schedule != "constant" and epochs != config.epochs:
        raise InputError(
            "--epochs",
            f"cannot change from {config.epochs}, by which this run's {config.schedule} schedule "
            "chose its learning rates",
            "resume without it, or train again",
        )


def check_same_data(state: RunState, data: Dataset) -> None:
    """Raise InputError unless `data` is what the run has been trained on."""
    known = state.dataset["sha256"]
    others = [name for name in known if data.sha256.get(name) != known[name]]
    if others:
        raise InputError(
            data.source,
            f"is not the data of this run: {', '.join(others)} has another SHA-256",
            "name the folder of its data with --data",
        )


def _result(folder: Path, config: TrainConfig, state: RunState) -> TrainResult:
    return TrainResult(folder, config, state.history, state.kept_epoch, state.test_accuracy)
