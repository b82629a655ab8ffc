"""Training, repeatable to the bit: `train(TrainConfig())`, `resume(Path("runs/train/mnist-1"))`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from cnnkit.data.dataset import Dataset, load_dataset
from cnnkit.data.sampling import split_validation
from cnnkit.errors import InputError, StorageError
from cnnkit.runs.find import RUNS, WEIGHTS_FILE
from cnnkit.runs.folder import FINISHED, PICTURES, check_free, claim_folder, published_status
from cnnkit.runs.state import RunState, read_state, write_state
from cnnkit.runs.training_state import fresh_state
from cnnkit.train.config import TrainConfig
from cnnkit.train.engines.base import choose_engine, require_packages
from cnnkit.train.engines.select import open_engine
from cnnkit.train.loop import run
from cnnkit.train.progress import Follow


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
