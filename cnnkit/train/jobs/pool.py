"""Many trainings in parallel, one process per core: `outcomes = run_jobs(configs, console)`.

Each config names its run folder. A finished run in it is used as it is, an interrupted one is
resumed, and an empty or missing folder starts a new run. So repeating the call after an
interruption does the rest.
"""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from rich.console import Console

from cnnkit.data.load import load_dataset
from cnnkit.errors import CnnkitError, InputError
from cnnkit.runs.folder import DIVERGED, FINISHED, published_status, remove_leftovers
from cnnkit.runs.state import STATE_FILE, RunState, read_state
from cnnkit.system.cpu import process_count
from cnnkit.system.signals import StopSignals
from cnnkit.train.config import TrainConfig
from cnnkit.train.jobs.progress import JobsProgress
from cnnkit.train.jobs.worker import Event, Job, Worker, raise_failure
from cnnkit.train.loop import TrainingInterruptedError
from cnnkit.train.trainer import TrainResult, check_same_data

# Seconds: between checks for a stop request, and for workers to shut down gracefully after one.
POLL, GRACE = 0.1, 2.0
# Yields (index of the job, event) as events arrive, until all jobs end or a stop is requested.
Runner = Callable[[Sequence[Job], StopSignals], Iterator[tuple[int, Event]]]
Message = tuple[int, Event] | CnnkitError | None  # from a worker's thread; None: it is done


@dataclass(frozen=True)
class Outcome(TrainResult):
    """The result of a job.

    Attributes:
        diverged: whether the loss or a parameter became NaN or infinite; the history ends before.
    """

    diverged: bool

    @property
    def kept(self) -> dict[str, Any] | None:
        """The record of the epoch whose weights were kept; None if no epoch was completed."""
        return self.history[self.kept_epoch - 1] if self.kept_epoch else None

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return {**super().to_json(), "diverged": self.diverged}


def run_jobs(
    configs: Sequence[TrainConfig], console: Console | None = None, runner: Runner | None = None
) -> list[Outcome]:
    """Finish every run and return the outcomes in the order of `configs`.

    Args:
        configs: one per run, each with the run's folder as `output`.
        console: where to show progress; None shows nothing.
        runner: where the trainings run; None means in processes on this machine.

    Raises:
        InputError: an invalid setting, two runs with the same folder, invalid data, or a folder
            that holds a different run or other files.
        TrainingInterruptedError: SIGINT or SIGTERM was received; complete epochs are kept.
        CnnkitError: as in `train`, except that divergence is an outcome, not an error.
    """
    console = console or Console(quiet=True)
    for config in configs:
        config.check()
    folders = _folders(configs)
    load = functools.cache(load_dataset)
    for config, folder in zip(configs, folders, strict=True):
        # Downloads happen here, once, before the workers look into the cache.
        data = load(config.dataset, config.data, console.quiet, config.pictures())
        if (folder / STATE_FILE).exists():
            state = read_state(folder)
            _check_same_config(folder, config.prepared(data), state)
            check_same_data(folder, state, data)
    runs = list(zip(folders, configs, strict=True))
    jobs = [
        Job(folder, config.resolved().to_json())
        for folder, config in runs
        if not _has_ended(folder)
    ]
    home = os.path.commonpath([folder.absolute().parent for folder in folders])
    names = {folder: os.path.relpath(folder, home) for folder in folders}
    unfinished = [names[job.folder] for job in jobs]
    epochs = {names[folder]: config.epochs for folder, config in runs}
    with StopSignals() as stop, JobsProgress(console, epochs, unfinished) as progress:
        for index, event in (runner or run_in_processes)(jobs, stop) if jobs else ():
            raise_failure(event)
            progress.show(unfinished[index], event)
    ended = sum(map(_has_ended, folders))
    if ended < len(folders):
        raise TrainingInterruptedError(
            f"stopped: {ended} of {len(folders)} runs are done, and the complete epochs of the "
            "others are kept. Repeat the same command to continue."
        )
    return [_outcome(folder, config) for folder, config in runs]


def run_in_processes(
    jobs: Sequence[Job], stop: StopSignals, processes: int | None = None
) -> Iterator[tuple[int, Event]]:
    """Run jobs on this machine, by default in one process per core available to this process."""
    waiting: SimpleQueue[tuple[int, Job]] = SimpleQueue()
    messages: SimpleQueue[Message] = SimpleQueue()
    for indexed_job in enumerate(jobs):
        waiting.put(indexed_job)

    def serve(worker: Worker) -> None:
        try:
            while not (stop.asked or waiting.empty()):
                index, job = waiting.get_nowait()
                for event in worker.train(job):
                    messages.put((index, event))
        except Empty:
            pass  # another thread took the last job
        except CnnkitError as error:
            messages.put(error)
        messages.put(None)

    workers: list[Worker] = []
    threads: list[Thread] = []
    try:
        for _ in range(min(len(jobs), processes or process_count())):
            workers.append(Worker())
            threads.append(Thread(target=serve, args=(workers[-1],)))
            threads[-1].start()
        yield from _receive(messages, workers, stop)
    finally:
        for worker in workers:
            worker.kill()
        for thread in threads:
            thread.join()
        for worker in workers:
            worker.close()


def _receive(
    messages: SimpleQueue[Message], workers: Sequence[Worker], stop: StopSignals
) -> Iterator[tuple[int, Event]]:
    """Yield the workers' events until all are done, or until `GRACE` after a stop request."""
    busy, deadline = len(workers), math.inf
    while busy and time.monotonic() < deadline:
        if stop.asked and deadline == math.inf:
            deadline = time.monotonic() + GRACE
            for worker in workers:
                worker.stop()
        try:
            message = messages.get(timeout=POLL)
        except Empty:
            continue
        if message is None:
            busy -= 1
        elif not isinstance(message, CnnkitError):
            yield message
        elif not stop.asked:  # otherwise it ended because it was told to
            raise message


def _folders(configs: Sequence[TrainConfig]) -> list[Path]:
    """Return the run folders.

    Raises:
        InputError: a folder is missing or used twice, or holds something other than a run.
    """
    folders: list[Path] = []
    for config in configs:
        folder = config.output
        if folder is None or folder in folders:
            raise InputError(
                folder or "output",
                "is not the folder of one run",
                "use one folder per run",
            )
        folders.append(folder)
        if folder.is_dir() and not (folder / STATE_FILE).exists():
            remove_leftovers(folder)  # of a process killed before the first state was complete
            if any(folder.iterdir()):
                raise InputError(folder, "holds something other than a run", "use another folder")
    return folders


def _check_same_config(folder: Path, config: TrainConfig, state: RunState) -> None:
    """Raise InputError if the run in `folder` differs from `config` in more than its paths."""
    wanted, found = config.resolved().to_json(), TrainConfig.from_json(state.config).to_json()
    ignored = {"output", "data", *(["engine"] if config.engine == "auto" else [])}
    for key in wanted.keys() - ignored:
        if wanted[key] != found[key]:
            raise InputError(
                folder,
                f"holds a run with {key} {found[key]}, not {wanted[key]}",
                "use another folder, or remove that run",
            )


def _has_ended(folder: Path) -> bool:
    """Return whether a run is finished or has diverged."""
    return published_status(folder) in (FINISHED, DIVERGED)


def _outcome(folder: Path, config: TrainConfig) -> Outcome:
    state = read_state(folder)
    diverged = published_status(folder) == DIVERGED
    config = replace(config, engine=state.config["engine"])
    return Outcome(
        folder,
        config,
        state.history,
        state.kept_epoch,
        state.test_accuracy,
        diverged,
        per_class=state.per_class,
    )
