"""From one epoch to the next: train, judge, keep; then end well, whatever the end is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from cnnkit.data.dataset import Dataset, Split
from cnnkit.data.sampling import epoch_order, split_validation
from cnnkit.errors import StorageError, VerdictError
from cnnkit.metrics import confusion_matrix
from cnnkit.runs.folder import DIVERGED, FINISHED, publish, remove_leftovers
from cnnkit.runs.state import RunState, session, write_state
from cnnkit.runs.training_state import is_finite, parameters
from cnnkit.system.signals import StopSignals
from cnnkit.train.engines.base import Engine
from cnnkit.train.epochs import NonFiniteError, StoppedError, judge, train_epoch
from cnnkit.train.progress import LOG_FILE, Follow, TrainingProgress
from cnnkit.train.schedules import scheduled_rate

VERSIONS = {  # what the last bits may depend on, by engine
    "native": ("cnnkit", "isa", "numpy", "python", "cpu"),
    "torch": ("torch", "numpy", "python", "cpu", "device", "processes"),
}


class TrainingInterruptedError(KeyboardInterrupt):
    """Somebody stopped the training; the message says what is kept and how to go on."""


def run(
    folder: Path,
    state: RunState,
    data: Dataset,
    engine: Engine,
    console: Console,
    follow: Follow | None = None,
    pictures: bool = True,
) -> None:
    """Train from `state` to its config's last epoch or the end of patience, into `folder`.

    Args:
        folder: the run folder.
        state: where to begin; it becomes where the training ended.
        data: what to learn from and to be judged by.
        engine: what makes the steps.
        console: where to show progress.
        follow: is told some times a second, and after each epoch, how far the training is.
        pictures: whether to draw the run's pictures at its end.

    Raises:
        StorageError: the folder cannot be written; earlier epochs are whole.
        VerdictError: the loss or a parameter became NaN or infinite; earlier epochs are kept.
        TrainingInterruptedError: SIGINT or SIGTERM came; complete epochs are kept.
    """
    config, done = state.config, len(state.history)
    chosen, held = split_validation(data.train.labels, config["val_split"], config["seed"])
    validation = Split(data.train.images[held], data.train.labels[held])
    state.sessions.append(session(config["engine"], config["device"], done + 1, engine.processes))
    with (
        StopSignals() as stop,
        TrainingProgress(
            console, folder / LOG_FILE, config["epochs"], len(chosen), done, follow
        ) as progress,
    ):
        try:
            remove_leftovers(folder)
            _note_changes(state, progress)
            write_state(folder, state)
            publish(folder, state, "training")  # after a kill, files may be an epoch behind
            while not state.complete:
                epoch = len(state.history) + 1
                engine.learning_rate = scheduled_rate(
                    config["schedule"], config["learning_rate"], epoch, config["epochs"]
                )
                order = epoch_order(chosen, config["seed"], epoch)
                record = train_epoch(engine, order, config["batch_size"], epoch, progress, stop)
                _add_epoch(state, record, engine, validation, data.test)
                write_state(folder, state)
                publish(folder, state, "training")
                progress.epoch(record)
                if not state.complete and engine.agree(stop.asked):
                    raise StoppedError
            publish(folder, state, FINISHED, pictures)
        except StoppedError:
            publish(folder, state, "interrupted", pictures)
            raise TrainingInterruptedError(
                f"stopped: {folder} keeps {_kept(state)}. "
                f"Go on with `cnnkit train --resume {folder}`."
            ) from None
        except NonFiniteError as error:
            publish(folder, state, DIVERGED, pictures)
            raise VerdictError(
                folder, f"{error}; {_kept(state)} kept", "train again with a lower --lr"
            ) from None
        except StorageError as error:
            raise StorageError(
                error.subject,
                f"{error.reason}; {folder} keeps {_kept(state)}",
                f"make room or give write permission, then `cnnkit train --resume {folder}`",
            ) from error


def _add_epoch(
    state: RunState, record: dict[str, object], engine: Engine, validation: Split, test: Split
) -> None:
    """Judge what an epoch learnt, and make it part of the state.

    Raises:
        NonFiniteError: a parameter is NaN or infinite.
    """
    arrays = engine.state()
    if not is_finite(arrays):
        raise NonFiniteError(f"a parameter became NaN or infinite in epoch {record['epoch']}")
    _, record["test_accuracy"], answers = judge(engine, test)
    best = True
    if len(validation.labels):
        loss, accuracy, _ = judge(engine, validation)
        record["validation_loss"], record["validation_accuracy"] = loss, accuracy
        best = all(loss < earlier["validation_loss"] for earlier in state.history)
    state.engine = arrays
    state.history.append(record)
    if best:
        state.kept, state.kept_epoch = parameters(arrays), len(state.history)
        state.confusion = confusion_matrix(test.labels, answers, state.architecture.classes)


def _note_changes(state: RunState, progress: TrainingProgress) -> None:
    """Say what differs from the session before: the same bits are promised only on the same."""
    if len(state.sessions) > 1:
        before, now = state.sessions[-2:]
        for key in VERSIONS[state.config["engine"]]:
            if before.get(key, now[key]) != now[key]:
                progress.say(
                    f"note: {key} was {before[key]}, is {now[key]}: the last bits may differ"
                )


def _kept(state: RunState) -> str:
    count = len(state.history)
    return f"{count} complete epoch{'' if count == 1 else 's'} of {state.config['epochs']}"
