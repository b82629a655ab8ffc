"""The training loop: epochs, evaluation, checkpoints, and an orderly end in every case."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from cnnkit.data.dataset import Dataset, Split
from cnnkit.data.sampling import epoch_order, validation_split
from cnnkit.errors import StorageError, VerdictError
from cnnkit.metrics import balanced_accuracy, class_scores
from cnnkit.runs.folder import DIVERGED, FINISHED, publish, remove_leftovers, write_split
from cnnkit.runs.manifest import resume_command
from cnnkit.runs.state import RunState, describe_session, write_state
from cnnkit.runs.training_state import is_finite, parameters
from cnnkit.system.files import remove, write_text
from cnnkit.system.signals import StopSignals
from cnnkit.train.augmentation import read_policy
from cnnkit.train.augmented import epoch_images
from cnnkit.train.config import TrainConfig
from cnnkit.train.config_file import CONFIG_TOML, config_text
from cnnkit.train.engines.base import Engine
from cnnkit.train.epochs import NonFiniteError, StoppedError, evaluate, train_epoch
from cnnkit.train.pictures import (
    AUGMENT_FILE,
    ERRORS_FILE,
    draw_augmented,
    draw_mistakes,
    worst_mistakes,
)
from cnnkit.train.progress import LOG_FILE, OnProgress, TrainingProgress
from cnnkit.train.schedules import scheduled_rate
from cnnkit.train.tensorboard import board

BITS_DEPEND_ON = {  # keys of a session that may change the last bits of a result, by engine
    "native": ("cnnkit", "isa", "numpy", "python", "cpu"),
    "torch": ("torch", "numpy", "python", "cpu", "device", "processes"),
}


# Of each choice of --monitor the metric, and whether more of it is better or less.
BALANCED = "balanced-accuracy"
MONITORED = {
    "loss": ("validation_loss", -1),
    "accuracy": ("validation_accuracy", 1),
    BALANCED: ("validation_balanced_accuracy", 1),
}


class TrainingInterruptedError(KeyboardInterrupt):
    """The training was stopped; the message says what is kept and how to continue."""


def run_epochs(
    folder: Path,
    state: RunState,
    data: Dataset,
    engine: Engine,
    console: Console,
    on_progress: OnProgress | None = None,
    pictures: bool = True,
) -> None:
    """Train from `state` until the config's last epoch or until patience runs out.

    Args:
        folder: the run folder.
        state: where to start; updated in place after every epoch.
        data: the training and test images.
        engine: computes the steps.
        console: where to show progress.
        on_progress: called several times a second and after each epoch.
        pictures: whether to draw the run's plots at the end.

    Raises:
        StorageError: the folder cannot be written; complete epochs are kept.
        VerdictError: the loss or a parameter became NaN or infinite; earlier epochs are kept.
        TrainingInterruptedError: SIGINT or SIGTERM was received; complete epochs are kept.
    """
    config, done = state.config, len(state.history)
    chosen, validation = validation_split(data, config["val_split"], config["seed"])
    policy = read_policy(config["augment"])
    state.sessions.append(
        describe_session(config["engine"], config["device"], done + 1, engine.processes)
    )
    with (
        StopSignals() as stop,
        TrainingProgress(
            console, folder / LOG_FILE, config["epochs"], len(chosen), done, on_progress
        ) as progress,
        board(folder, config["tensorboard"]) as add_to_board,
    ):
        try:
            remove_leftovers(folder)
            _log_changes(state, progress)
            write_state(folder, state)
            publish(folder, state, "training")  # files may be an epoch behind after a kill
            write_text(folder / CONFIG_TOML, config_text(TrainConfig.from_json(config)))
            write_split(folder, data)
            if policy and pictures:
                draw_augmented(policy, data.train, config["seed"], folder / AUGMENT_FILE)
            while not state.complete:
                epoch = len(state.history) + 1
                engine.learning_rate = scheduled_rate(
                    config["schedule"],
                    config["learning_rate"],
                    epoch,
                    config["epochs"],
                    config["warmup"],
                )
                order = epoch_order(chosen, config["seed"], epoch)
                pixels = epoch_images(policy, data.train, order, config["seed"], epoch)
                record = train_epoch(
                    engine, order, config["batch_size"], epoch, progress, stop, pixels
                )
                _add_epoch(state, record, engine, validation, data.test)
                write_state(folder, state)
                publish(folder, state, "training")
                add_to_board(record)
                progress.end_epoch(record)
                if not state.complete and engine.should_stop(stop.asked):
                    raise StoppedError
            with progress.drawing() if pictures else nullcontext():
                _finish(folder, state, FINISHED, data, pictures)
        except StoppedError:
            _finish(folder, state, "interrupted", data, pictures)
            raise TrainingInterruptedError(
                f"stopped: {folder} keeps {_kept(state)}. Continue with `{resume_command(folder)}`."
            ) from None
        except NonFiniteError as error:
            _finish(folder, state, DIVERGED, data, pictures)
            raise VerdictError(
                folder, f"{error}; {_kept(state)} kept", "train again with a lower --lr"
            ) from None
        except StorageError as error:
            raise StorageError(
                error.subject,
                f"{error.reason}; {folder} keeps {_kept(state)}",
                f"free space or grant write permission, then run `{resume_command(folder)}`",
            ) from error


def _add_epoch(
    state: RunState, record: dict[str, Any], engine: Engine, validation: Split, test: Split
) -> None:
    """Evaluate the network after an epoch, and add the epoch to the state.

    Raises:
        NonFiniteError: a parameter is NaN or infinite.
    """
    arrays = engine.state()
    if not is_finite(arrays):
        raise NonFiniteError(f"a parameter became NaN or infinite in epoch {record['epoch']}")
    tested = evaluate(engine, test)
    record["test_accuracy"] = tested.accuracy
    best = True
    if len(validation.labels):
        validated = evaluate(engine, validation)
        record["validation_loss"] = validated.loss
        record["validation_accuracy"] = validated.accuracy
        if state.config["monitor"] == BALANCED:
            scores = class_scores(validated.confusion, state.dataset["names"])
            record["validation_balanced_accuracy"] = balanced_accuracy(scores)
        key, sign = MONITORED[state.config["monitor"]]
        best = all(sign * record[key] > sign * earlier[key] for earlier in state.history)
    state.engine = arrays
    state.history.append(record)
    if best:
        state.kept, state.kept_epoch = parameters(arrays), len(state.history)
        state.confusion = tested.confusion
        state.mistakes = worst_mistakes(tested.log_p, test.labels)


def _finish(folder: Path, state: RunState, status: str, data: Dataset, pictures: bool) -> None:
    """Draw the mistakes, and publish the run with all its pictures, if they are wanted."""
    errors = folder / ERRORS_FILE
    if pictures and state.mistakes:
        draw_mistakes(state.mistakes, data.test, data.names, errors)
    elif pictures:
        remove(errors)  # of an earlier session
    publish(folder, state, status, pictures)


def _log_changes(state: RunState, progress: TrainingProgress) -> None:
    """Log what changed since the previous session and may change the last bits of the result."""
    if len(state.sessions) > 1:
        before, now = state.sessions[-2:]
        for key in BITS_DEPEND_ON[state.config["engine"]]:
            if before.get(key, now[key]) != now[key]:
                progress.log(
                    f"note: {key} was {before[key]}, is {now[key]}: the last bits may differ"
                )


def _kept(state: RunState) -> str:
    count = len(state.history)
    return f"{count} complete epoch{'' if count == 1 else 's'} of {state.config['epochs']}"
