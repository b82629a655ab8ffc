"""Bit-reproducible training: `train(TrainConfig())`, `resume(Path("runs/train/mnist-1"))`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from cnnkit.data.dataset import Dataset
from cnnkit.data.load import load_dataset, name_of
from cnnkit.data.own.check.run import remark
from cnnkit.data.sampling import validation_split
from cnnkit.errors import InputError, StorageError
from cnnkit.formats.quantisation import Trained
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import with_tensors
from cnnkit.metrics import ClassScore, balanced_accuracy
from cnnkit.runs.find import RUNS, WEIGHTS_FILE
from cnnkit.runs.folder import (
    FINISHED,
    PICTURES,
    changed_samples,
    check_free,
    claim_folder,
    is_published,
    published_status,
    sole_training,
)
from cnnkit.runs.state import RunState, read_state, write_state
from cnnkit.runs.training_state import State, parameters
from cnnkit.system.display import inline_svg, page, summary
from cnnkit.train.config import TrainConfig
from cnnkit.train.engines.base import (
    EngineSettings,
    choose_engine,
    native_limit,
    require_packages,
)
from cnnkit.train.engines.select import open_engine
from cnnkit.train.hints import hints
from cnnkit.train.initial import initial_state
from cnnkit.train.loop import run_epochs
from cnnkit.train.losses import class_weights
from cnnkit.train.progress import OnProgress
from cnnkit.train.quantisation_aware import Start, check_same
from cnnkit.train.quantisation_aware import start as start_tuning
from cnnkit.train.tensorboard import require_tensorboard

# In Jupyter: columns, and the number of last epochs that are shown.
SHOWN = ("epoch", "train_loss", "validation_loss", "validation_accuracy", "test_accuracy")
LAST = 5


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    Attributes:
        folder: the run folder.
        config: the resolved config.
        history: one record per epoch, as in metrics.jsonl.
        kept_epoch: the epoch whose parameters are in weights.safetensors.
        test_accuracy: the accuracy of these parameters, 0 to 1.
        per_class: their scores by class, on the test images.
    """

    folder: Path
    config: TrainConfig
    history: list[dict[str, Any]]
    kept_epoch: int
    test_accuracy: float
    per_class: tuple[ClassScore, ...] = field(default=(), kw_only=True)

    def __repr__(self) -> str:
        kept = f"epoch {self.kept_epoch} of {len(self.history)}"
        return summary(
            self, repr(str(self.folder)), f"test accuracy {self.test_accuracy:.2%}", kept
        )

    def _repr_html_(self) -> str:
        columns = [
            key for key in SHOWN if any(epoch.get(key) is not None for epoch in self.history)
        ]
        rows = [[_shown(key, epoch.get(key)) for key in columns] for epoch in self.history[-LAST:]]
        title = f"{self.folder}: test accuracy {self.test_accuracy:.2%} (epoch {self.kept_epoch})"
        drawn = [path for path in self.pictures if path.name == "loss.svg"]
        return page(title, [key.replace("_", " ") for key in columns], rows, inline_svg(*drawn))

    @property
    def weights(self) -> Path:
        """The weights file."""
        return self.folder / WEIGHTS_FILE

    @property
    def pictures(self) -> list[Path]:
        """The plots that were drawn."""
        return [path for name in PICTURES if (path := self.folder / name).exists()]

    @property
    def seconds(self) -> float:
        """Duration of the training steps of all epochs."""
        return float(sum(epoch["seconds"] for epoch in self.history))

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "run": str(self.folder),
            "weights": str(self.weights),
            "pictures": [str(path) for path in self.pictures],
            "test_accuracy": self.test_accuracy,
            "balanced_accuracy": balanced_accuracy(self.per_class),
            "per_class": [asdict(score) for score in self.per_class],
            "kept_epoch": self.kept_epoch,
            "seconds": round(self.seconds, 3),
            "config": self.config.to_json(),
            "history": self.history,
        }


def train(
    config: TrainConfig,
    console: Console | None = None,
    data: Dataset | None = None,
    on_progress: OnProgress | None = None,
    pictures: bool = True,
) -> TrainResult:
    """Start a training in a new run folder.

    Args:
        config: all settings.
        console: where to show progress; None shows nothing.
        data: the config's data, if already loaded.
        on_progress: called several times a second and after each epoch.
        pictures: whether to draw the run's plots at the end.

    Raises:
        InputError: an invalid setting, invalid data, or an output folder that is not empty or in
            use.
        MissingError: the device or a package is not available.
        NetworkError: the data cannot be downloaded.
        StorageError: the run folder cannot be written.
        VerdictError: the loss or a parameter became NaN or infinite.
        TrainingInterruptedError: SIGINT or SIGTERM was received.
    """
    config.check()
    if (run := config.qat) is not None:
        config = replace(config, engine="torch")
        check_same(config)
        if data is None and config.data == TrainConfig.from_json(read_state(run).config).data:
            _check_present(run, config)
    config = config.resolved()
    console = console or Console(quiet=True)
    if config.output is not None:
        check_free(config.output)
    require_packages(config.engine)
    if config.tensorboard:
        require_tensorboard()
    if data is None:
        data = load_data(config, console.quiet)
        if data.samples and not console.quiet:
            remark(data, console)
    config.check_watched(data)
    config = config.prepared(data)
    data = config.normalised(data)
    tuned = _tuned(config, data, console)
    graph = config.graph(data) if tuned is None else tuned.graph
    chosen = choose_engine(config.engine, config.device, graph)
    if (config.engine, chosen) == ("auto", "torch") and (limit := native_limit(graph)):
        console.print(f"engine: torch, since the native one {limit}", soft_wrap=True)
    config = replace(config, engine=chosen)
    make_engine = open_engine(config.engine)
    start = initial_state(graph, config.weights, console)
    # For its error: a split that leaves a side without images must not leave a run folder either.
    chosen_images, _ = validation_split(data, config.val_split, config.seed)
    for hint in hints(config, graph, len(chosen_images)):
        console.print(f"hint: {hint}", soft_wrap=True)
    trained = None if tuned is None else tuned.trained
    engine = make_engine(_engine_settings(config, graph, data, start, trained))
    folder = claim_folder(config.output, RUNS / "train", data.short_name)
    config = replace(config, output=folder)
    stated = None if trained is None else trained.to_json()
    state = RunState.new(config.to_json(), data, graph, dict(start), stated)
    with sole_training(folder):
        check_free(folder)  # again: another training may have been quicker
        try:
            write_state(folder, state)
        except StorageError:
            folder.rmdir()  # as if it had never begun
            raise
        run_epochs(folder, state, data, engine, console, on_progress, pictures)
    return _result(folder, config, state)


def resume(
    folder: Path,
    epochs: int | None = None,
    data_folder: Path | None = None,
    console: Console | None = None,
    data: Dataset | None = None,
    on_progress: OnProgress | None = None,
    pictures: bool = True,
) -> TrainResult:
    """Continue a run; the result is bit-identical to that of a run that never stopped.

    Args:
        folder: the run folder; it may have been moved.
        epochs: a new total, which may also extend a finished run; None keeps the run's own. With a
            schedule other than `constant` it cannot change, since it determines every epoch's rate.
        data_folder: where the IDX files are now; None means that they have not moved.
        console: where to show progress; None shows nothing.
        data: the run's data, if already loaded.
        on_progress: as in `train`.
        pictures: as in `train`.

    Raises:
        InputError: the folder holds no run, or a finished or damaged one, or one of another
            version, or is in use; or the data is not the run's.
        MissingError, NetworkError, StorageError, VerdictError: as in `train`.
        TrainingInterruptedError: SIGINT or SIGTERM was received.
    """
    with sole_training(folder):
        return _resume(folder, epochs, data_folder, console, data, on_progress, pictures)


def _resume(
    folder: Path,
    epochs: int | None,
    data_folder: Path | None,
    console: Console | None,
    data: Dataset | None,
    on_progress: OnProgress | None,
    pictures: bool,
) -> TrainResult:
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
            f"is {config.epochs}, but {folder} already has {len(state.history)}",
            "use a larger number, or train again",
        )
    state.config = config.to_json()
    if state.complete and published_status(folder) == FINISHED and is_published(folder, state):
        more = (
            "train again with more --patience"
            if state.out_of_patience
            else f"use more --epochs than {len(state.history)} to extend it, or train again"
        )
        raise InputError(folder, "is a finished run", more)
    console = console or Console(quiet=True)
    make_engine = open_engine(config.engine)
    if config.tensorboard:
        require_tensorboard()
    if data is None:
        _check_present(folder, config)
        # A bad picture that came since is not the run's, and one of the run's is missed below.
        data = load_data(replace(config, bad="skip"), console.quiet)
    check_same_data(folder, state, data)
    trained = None if state.quantisation is None else Trained.from_json(state.quantisation, folder)
    engine = make_engine(_engine_settings(config, state.graph, data, state.engine, trained))
    run_epochs(folder, state, data, engine, console, on_progress, pictures)
    return _result(folder, config, state)


def _shown(key: str, value: float | None) -> str:
    if value is None or key == "epoch":
        return "" if value is None else str(value)
    return f"{value:.2%}" if "accuracy" in key else f"{value:.4f}"


def load_data(config: TrainConfig, quiet: bool = False) -> Dataset:
    """Load the data of a config, as `load_dataset` does."""
    return load_dataset(config.dataset, config.data, quiet, config.pictures())


def _tuned(config: TrainConfig, data: Dataset, console: Console) -> Start | None:
    """Return where a fine-tuning starts; None for any other training."""
    if config.qat is None:
        return None
    check_same_data(config.qat, read_state(config.qat), data)
    found = start_tuning(config, data)
    console.print(f"8 bits: {len(found.trained.scales)} values, ranges by {found.trained.method}")
    return found


def _engine_settings(
    config: TrainConfig, graph: Graph, data: Dataset, state: State, trained: Trained | None
) -> EngineSettings:
    chosen, _ = validation_split(data, config.val_split, config.seed)
    labels = data.train.labels[chosen]
    return EngineSettings(
        with_tensors(graph, parameters(state)),
        data.train,
        state,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        device=config.device,
        class_weights=class_weights(config.class_weights, data.names, labels),
        label_smoothing=config.label_smoothing,
        seed=config.seed,
        scales=None if trained is None else trained.scales,
    )


def _check_present(folder: Path, config: TrainConfig) -> None:
    """Raise InputError if a run's own data is not where it was."""
    place = config.data
    if place is not None and not place.exists() and name_of(place) is None:
        raise InputError(
            folder,
            f"was trained on the data in {place}, which is not there",
            "name its place with --data",
        )


def _check_extensible(config: TrainConfig, epochs: int) -> None:
    """Raise InputError if another number of epochs would change the rates already used."""
    if config.schedule != "constant" and epochs != config.epochs:
        raise InputError(
            "--epochs",
            f"cannot change from {config.epochs}, from which this run's {config.schedule} schedule "
            "computed its learning rates",
            "resume without this option, or train again",
        )


def check_same_data(folder: Path, state: RunState, data: Dataset) -> None:
    """Raise InputError unless the run was trained on this data."""
    known = state.dataset["sha256"]
    others = [name for name in known if data.sha256.get(name) != known[name]]
    if others:
        raise InputError(
            data.source,
            f"is not the data of this run (another SHA-256: {', '.join(others)})",
            "restore it, name the place of the run's data with --data, or train anew: "
            "`cnnkit train --data DIR --weights RUN` starts from the run's weights",
            changed_samples(folder, data),
        )


def _result(folder: Path, config: TrainConfig, state: RunState) -> TrainResult:
    return TrainResult(
        folder,
        config,
        state.history,
        state.kept_epoch,
        state.test_accuracy,
        per_class=state.per_class,
    )
