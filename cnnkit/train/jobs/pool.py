"""Many trainings at once, a process a core: `outcomes = run_jobs(configs, console)`.

Each config names its run folder, and what stands there decides: a finished run is taken as it is,
an interrupted one goes on, and where nothing stands one begins. So the same call after an
interruption does what is left.
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

from cnnkit.data.dataset import load_dataset
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

POLL, GRACE = 0.1, 2.0  # seconds: until a signal is heard, and for a worker to end politely
# Yields (number of the job, event) as they come, until all have ended or stopping was asked.
Runner = Callable[[Sequence[Job], StopSignals], Iterator[tuple[int, Event]]]


@dataclass(frozen=True)
class Outcome(TrainResult):
    """How a run ended.

    Attributes:
        diverged: the loss or a parameter became NaN or infinite; the history ends before that.
    """

    diverged: bool

    @property
    def kept(self) -> dict[str, Any] | None:
        """The record of the epoch whose weights were kept; None if there is none."""
        return self.history[self.kept_epoch - 1] if self.kept_epoch else None

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return {**super().to_json(), "diverged": self.diverged}


def run_jobs(
    configs: Sequence[TrainConfig], console: Console | None = None, runner: Runner | None = None
) -> list[Outcome]:
    """Bring every run to its end, and return how each ended, in the order given.

    Args:
        configs: of each run, its folder (`output`) included.
        console: where to show progress; None shows nothing.
        runner: where the trainings run; None means processes of this machine.

    Raises:
        InputError: a bad choice, two runs in one folder, bad data, or a folder that holds another
            run or anything else.
        TrainingInterruptedError: SIGINT or SIGTERM came; complete epochs are kept.
        CnnkitError: as `train`, except for a run that diverges: that is an outcome.
    """
    console = console or Console(quiet=True)
    for config in configs:
        config.check()
    folders = _folders(configs)
    load = functools.cache(load_dataset)
    for config, folder in zip(configs, folders, strict=True):
        # Loaded here once: what must be fetched is then in the cache before every worker looks.
        data = load(config.dataset, config.data, console.quiet)
        if (folder / STATE_FILE).exists():
            state = read_state(folder)
            _check_same_config(folder, config, state)
            check_same_data(state, data)
    runs = list(zip(folders, configs, strict=True))
    jobs = [Job(folder, config.to_json()) for folder, config in runs if not _has_ended(folder)]
    home = os.path.commonpath([folder.absolute().parent for folder in folders])
    names = {folder: os.path.relpath(folder, home) for folder in folders}
    left = [names[job.folder] for job in jobs]
    epochs = {names[folder]: config.epochs for folder, config in runs}
    with StopSignals() as stop, JobsProgress(console, epochs, left) as progress:
        for number, event in (runner or run_in_processes)(jobs, stop) if jobs else ():
            raise_failure(event)
            progress.show(left[number], event)
    ended = sum(map(_has_ended, folders))
    if ended < len(folders):
        raise TrainingInterruptedError(
            f"stopped: {ended} of {len(folders)} runs are done, and the complete epochs of the "
            "others are kept. Give the same command again to go on."
        )
    return [_outcome(folder, config) for folder, config in runs]


def run_in_processes(
    jobs: Sequence[Job], stop: StopSignals, processes: int | None = None
) -> Iterator[tuple[int, Event]]:
    """Run jobs on this machine, a process a core that this one may use."""
    waiting: SimpleQueue[tuple[int, Job]] = SimpleQueue()
    said: SimpleQueue[tuple[int, Event] | CnnkitError | None] = SimpleQueue()
    for numbered in enumerate(jobs):
        waiting.put(numbered)

    def serve(worker: Worker) -> None:
        try:
            while not (stop.asked or waiting.empty()):
                number, job = waiting.get_nowait()
                for event in worker.train(job):
                    said.put((number, event))
        except Empty:
            pass  # another thread was faster
        except CnnkitError as error:
            said.put(error)
        said.put(None)

    workers: list[Worker] = []
    threads: list[Thread] = []
    try:
        for _ in range(min(len(jobs), processes or process_count())):
            workers.append(Worker())
            threads.append(Thread(target=serve, args=(workers[-1],)))
            threads[-1].start()
        yield from _listen(said, workers, stop)
    finally:
        for worker in workers:
            worker.kill()
        for thread in threads:
            thread.join()
        for worker in workers:
            worker.close()


def _listen(
    said: SimpleQueue[tuple[int, Event] | CnnkitError | None],
    workers: Sequence[Worker],
    stop: StopSignals,
) -> Iterator[tuple[int, Event]]:
    """Yield what workers say until each is done; once stopping is asked, for `GRACE` at most."""
    busy, last = len(workers), math.inf
    while busy and time.monotonic() < last:
        if stop.asked and last == math.inf:
            last = time.monotonic() + GRACE
            for worker in workers:
                worker.stop()
        try:
            word = said.get(timeout=POLL)
        except Empty:
            continue
        if word is None:
            busy -= 1
        elif not isinstance(word, CnnkitError):
            yield word
        elif not stop.asked:  # else it died because it was asked to
            raise word


def _folders(configs: Sequence[TrainConfig]) -> list[Path]:
    """Return each config's run folder: one of its own, with a run in it or nothing.

    Raises:
        InputError: it is not so.
    """
    folders: list[Path] = []
    for config in configs:
        folder = config.output
        if folder is None or folder in folders:
            raise InputError(
                folder or "output", "is not a run's own folder", "name one for each run"
            )
        folders.append(folder)
        if folder.is_dir() and not (folder / STATE_FILE).exists():
            remove_leftovers(folder)  # of a kill before the first state was whole
            if any(folder.iterdir()):
                raise InputError(folder, "holds something else than a run", "name another folder")
    return folders


def _check_same_config(folder: Path, config: TrainConfig, state: RunState) -> None:
    """Raise InputError unless the run in `folder` is what `config` asks for, wherever its files."""
    asked, found = config.to_json(), TrainConfig.from_json(state.config).to_json()
    free = {"output", "data", *(["engine"] if config.engine == "auto" else [])}
    for key in asked.keys() - free:
        if asked[key] != found[key]:
            raise InputError(
                folder,
                f"holds a run with {key} {found[key]}, not {asked[key]}",
                "name another folder, or remove that run",
            )


def _has_ended(folder: Path) -> bool:
    """Tell whether nothing of a run is left to do."""
    return published_status(folder) in (FINISHED, DIVERGED)


def _outcome(folder: Path, config: TrainConfig) -> Outcome:
    state = read_state(folder)
    diverged = published_status(folder) == DIVERGED
    config = replace(config, engine=state.config["engine"])
    return Outcome(folder, config, state.history, state.kept_epoch, state.test_accuracy, diverged)
