"""Training, repeatable to the bit: `train(TrainConfig(epochs=5))`, `resume(Path("runs/train/mnist-1"))`.

Streams of random numbers, all NumPy's PCG64: [seed, 0] draws the parameters, [seed, e] the order of
epoch e = 1, 2, …, [seed, 0, 1] the validation split. Each is a function of its numbers alone, so that
nothing random needs saving and any engine can repeat it.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from cnnkit.architecture import Architecture
from cnnkit.checkpoint import RUNS
from cnnkit.data import DATASETS, Dataset, Split, load_dataset
from cnnkit.errors import InputError, VerdictError
from cnnkit.evaluate import confusion_matrix
from cnnkit.progress import LOG_FILE, LOG_STEPS, TrainingProgress
from cnnkit.runs import State, check_free, claim_folder, publish, read_state, write_state
from cnnkit.stopping import StopSignals
from cnnkit.torch_engine import PARAMETERS, TorchEngine, fresh_state, one_thread

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class TrainConfig:
    """Every choice of a training; the defaults are the published ones.

    Attributes:
        dataset: a name in `cnnkit.data.DATASETS`.
        data: a folder with the four IDX files; None means the cache, or the network.
        epochs: passes over the training images.
        batch_size: images per step; the last step of an epoch takes what is left over.
        learning_rate: Adam's; its other hyperparameters are PyTorch's defaults.
        seed: 0 to 2³²-1; fixes initial parameters, the order of the images and the split.
        device: `auto` (the CPU), `cpu`, `cuda` or `mps`.
        val_split: share of the training images, 0 to below 1, kept for validation.
        patience: stop after so many epochs without a lower validation loss.
        output: the run folder; None means the next free `runs/train/<dataset>-<n>`.
    """

    dataset: str = "mnist"
    data: Path | None = None
    epochs: int = 30
    batch_size: int = 16
    learning_rate: float = 1e-4
    seed: int = 0
    device: str = "auto"
    val_split: float = 0.0
    patience: int | None = None
    output: Path | None = None

    def check(self) -> None:
        """Raise InputError for a value that makes no training."""
        rules = (
            ("--dataset", self.dataset, self.dataset in DATASETS, f"one of {', '.join(DATASETS)}"),
            ("--epochs", self.epochs, self.epochs >= 1, "1 or more"),
            ("--batch-size", self.batch_size, self.batch_size >= 1, "1 or more"),
            ("--lr", self.learning_rate, 0 < self.learning_rate < math.inf, "a number above 0"),
            ("--seed", self.seed, 0 <= self.seed < 2**32, "0 to 4294967295"),
            ("--device", self.device, self.device in DEVICES, f"one of {', '.join(DEVICES)}"),
            ("--val-split", self.val_split, 0 <= self.val_split < 1, "0 or more and below 1"),
            ("--patience", self.patience, self.patience is None or self.patience >= 1, "1 or more"),
        )
        for option, value, good, wanted in rules:
            if not good:
                raise InputError(f"{option} {value}", f"must be {wanted}", f"give {wanted}")
        if self.patience is not None and not self.val_split:
            raise InputError(
                f"--patience {self.patience}",
                "needs validation images to watch",
                "add --val-split 0.1, or leave --patience out",
            )

    def to_json(self) -> dict[str, Any]:
        """Return the config as JSON values, paths as strings."""
        values = asdict(self)
        return {key: str(v) if isinstance(v, Path) else v for key, v in values.items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainConfig:
        """Read what `to_json` wrote."""
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise InputError(
                "config",
                f"has the keys {sorted(values)}, not {sorted(known)}",
                "use the version of cnnkit that wrote the run, or train again",
            )
        paths = {key: Path(values[key]) for key in ("data", "output") if values[key] is not None}
        return cls(**{**values, **paths})


@dataclass(frozen=True)
class TrainResult:
    """What a finished training leaves: its folder, config, history and the kept network's accuracy."""

    folder: Path
    config: TrainConfig
    history: list[dict[str, Any]]
    kept_epoch: int
    test_accuracy: float


class TrainingInterruptedError(KeyboardInterrupt):
    """Somebody stopped the training; the message says what was kept and how to go on."""


def train(config: TrainConfig, console: Console | None = None) -> TrainResult:
    """Train from the beginning into a new run folder.

    Raises:
        InputError: a bad value in `config`, bad data, or an output folder that is not free.
        MissingError: no such device. NetworkError: the data cannot be fetched.
        StorageError: the run folder cannot be written.
        VerdictError: the loss or a parameter became NaN or infinite.
        TrainingInterruptedError: SIGINT or SIGTERM came.
    """
    config.check()
    if config.output is not None:
        check_free(config.output)
    data = load_dataset(config.dataset, config.data)
    split_validation(data.train.labels, config.val_split, config.seed)
    folder = claim_folder(config.output, RUNS / "train", data.name)
    config = replace(config, output=folder)
    architecture = Architecture(input=data.train.images.shape[1:], classes=len(data.names))
    engine = fresh_state(architecture, config.seed)
    state = State(
        config=config.to_json(),
        dataset={"name": data.name, "sha256": data.sha256, "names": list(data.names)},
        architecture=architecture,
        engine=engine,
        kept={name: engine[PARAMETERS + name] for name in architecture.parameter_shapes()},
        confusion=np.zeros((architecture.classes,) * 2, np.int64),
        kept_epoch=0,
        history=[],
        facts={},
    )
    write_state(folder, state)
    return run(folder, config, state, data, console or Console(quiet=True))


def epoch_order(indices: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """Return `indices` in the order in which epoch 1, 2, … takes them."""
    return np.random.default_rng([seed, epoch]).permutation(indices)


def split_validation(
    labels: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices, ascending, for training and for validation.

    Every class gives the same share of its images, rounded to whole images.

    Raises:
        InputError: no image is left on one side.
    """
    generator = np.random.default_rng([seed, 0, 1])
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        held[members[: round(share * len(members))]] = True
    if held.all() or (share and not held.any()):
        side = "training" if held.all() else "validation"
        raise InputError(
            f"--val-split {share}",
            f"leaves no {side} image of {len(labels)}",
            "choose another share or give more images",
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def run(
    folder: Path, config: TrainConfig, state: State, data: Dataset, console: Console
) -> TrainResult:
    """Train from `state` until the config's last epoch, or until patience ends."""
    chosen, held = split_validation(data.train.labels, config.val_split, config.seed)
    validation = Split(data.train.images[held], data.train.labels[held])
    engine = TorchEngine(
        state.architecture, data.train, config.learning_rate, config.device, state.engine
    )
    progress = TrainingProgress(
        console, folder / LOG_FILE, config.epochs, len(chosen), len(state.history)
    )
    with one_thread(), StopSignals() as stop, progress:
        while len(state.history) < config.epochs:
            epoch = len(state.history) + 1
            started = time.perf_counter()
            order = epoch_order(chosen, config.seed, epoch)
            record = train_epoch(engine, order, config, epoch, progress, stop)
            state.history.append(record)
            state.engine = engine.state()
            log_p = engine.answer(data.test.images)
            state.confusion = confusion_matrix(
                data.test.labels, log_p.argmax(1), state.architecture.classes
            )
            record["test_accuracy"] = state.test_accuracy
            state.kept = {
                name: state.engine[PARAMETERS + name]
                for name in state.architecture.parameter_shapes()
            }
            state.kept_epoch = epoch
            write_state(folder, state)
            publish(folder, state, "training", pictures=False)
            progress.epoch(record)
    publish(folder, state, "finished", pictures=True)
    return TrainResult(folder, config, state.history, state.kept_epoch, state.test_accuracy)


def train_epoch(engine, order, config, epoch, progress, stop):
    started = time.perf_counter()
    total = running = 0.0
    right = seen = 0
    for step, (loss, good) in enumerate(engine.steps(order, config.batch_size), 1):
        if not math.isfinite(loss):
            raise VerdictError("loss", "nan", "x")
        total += loss
        running += loss
        right += good
        seen = min(step * config.batch_size, len(order))
        if step % LOG_STEPS == 0:
            progress.say(f"[{epoch}, {step:5d}] loss: {running / LOG_STEPS:.4f}")
            running = 0.0
        progress.step(
            epoch, seen, total / step, right / seen, seen / (time.perf_counter() - started)
        )
        if stop.asked:
            raise KeyboardInterrupt
    seconds = time.perf_counter() - started
    return {
        "epoch": epoch,
        "train_loss": total / step,
        "train_accuracy": right / seen,
        "validation_loss": None,
        "validation_accuracy": None,
        "test_accuracy": 0.0,
        "seconds": round(seconds, 3),
        "images_per_second": round(len(order) / seconds, 1),
    }
