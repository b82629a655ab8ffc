"""Trainings on the machines of a Ray cluster: `run_jobs(configs, runner=on_ray("auto"))`.

The machines need no shared file system: Ray transfers the data to them, and the training state back
after every epoch. So the run folder on the calling machine is at most one epoch behind, and the run
can resume from it on any machine. cnnkit must be installed on all of them.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cnnkit.data.dataset import cache_folder, find_files
from cnnkit.data.load import has_idx, name_of
from cnnkit.data.own.class_folders import walk
from cnnkit.errors import CnnkitError, InputError, MissingError, NetworkError
from cnnkit.runs.folder import publish
from cnnkit.runs.state import STATE_FILE, read_state, write_state
from cnnkit.system.files import read_bytes, write_bytes
from cnnkit.system.signals import StopSignals
from cnnkit.system.subprocesses import exchange_folder
from cnnkit.train.jobs.pool import POLL, Runner
from cnnkit.train.jobs.worker import LAST, Event, Job, Worker
from cnnkit.train.progress import LOG_FILE

LOCAL = "local"
MIN_OBJECT_STORE = 2**27  # bytes; Ray refuses less than 75 MB
CONNECT_SECONDS = 5.0
GRACE = 10.0  # seconds for tasks to remove their files; less than one on an idle machine
Update = tuple[Event, bytes | None, str]  # event, new content of the state file, new log lines


def on_ray(address: str) -> Runner:
    """Return a runner for the cluster at `address`: an address for `ray.init`, or `local`.

    Raises:
        MissingError: Ray is not installed.
    """
    if find_spec("ray") is None:
        raise MissingError.package("ray", "--ray", "ray")

    def run(jobs: Sequence[Job], stop: StopSignals) -> Iterator[tuple[int, Event]]:
        files = {job.folder: _data_files(job) for job in jobs}
        with _cluster(address, _size(files.values())) as ray:
            task = ray.remote(max_retries=0)(train_here)
            sent: dict[frozenset[str], Any] = {}  # data in the object store, by its files' names
            running: dict[Any, int] = {}
            for index, job in enumerate(jobs):
                paths = files[job.folder]
                key = frozenset(map(str, paths.values()))
                if key not in sent:
                    sent[key] = ray.put({name: read_bytes(path) for name, path in paths.items()})
                file = job.folder / STATE_FILE
                state = read_bytes(file) if file.exists() else None
                running[task.remote(job.config, state, sent[key])] = index
            for index, update in _receive(ray, running, stop):
                job = jobs[index]
                job.folder.mkdir(parents=True, exist_ok=True)
                _store(job, update)
                yield index, update[0]

    return run


def train_here(
    config: Mapping[str, Any], state: bytes | None, data: Mapping[str, bytes]
) -> Iterator[Update]:
    """Train one job in a temporary folder on this machine: the task that Ray runs.

    Args:
        config: the run's config as JSON values.
        state: content of the state file to resume from; None starts a new run.
        data: contents of the data's files, by their paths inside its folder; a single file that
            is the data itself has its own name. Without any, the data has a published name.
    """
    with exchange_folder() as temporary:
        folder, root = temporary / "run", temporary / "data"
        for name, content in data.items():
            write_bytes(root / name, content)
        if len(data) == 1:
            root /= next(iter(data))
        if state is not None:
            write_bytes(folder / STATE_FILE, state)
        worker, sent = Worker(), 0
        try:
            for event in worker.train(Job(folder, config, root if data else None)):
                new_state, new_log = None, ""
                if event.get("complete") or event["event"] in LAST:
                    if (folder / STATE_FILE).exists():
                        new_state = read_bytes(folder / STATE_FILE)
                    if (folder / LOG_FILE).exists():
                        log = read_bytes(folder / LOG_FILE).decode()
                        sent, new_log = len(log), log[sent:]
                yield event, new_state, new_log
        finally:
            worker.kill()
            worker.close()


def _receive(ray: Any, running: dict[Any, int], stop: StopSignals) -> Iterator[tuple[int, Update]]:
    """Yield the tasks' updates until all are done, or until `GRACE` after a stop request."""
    deadline: float | None = None
    while running and (deadline is None or time.monotonic() < deadline):
        if stop.asked and deadline is None:
            deadline = time.monotonic() + GRACE
            for task in running:
                ray.cancel(task)
        ready, _ = ray.wait(list(running), timeout=POLL)
        for task in ready:
            try:
                yield running[task], ray.get(next(task))
            except StopIteration:
                del running[task]
            except ray.exceptions.RayError as error:
                del running[task]
                if not stop.asked:
                    raise CnnkitError(
                        "Ray", f"a task failed ({_last_line(error)})",
                        "install this version of cnnkit on every machine and repeat the same "
                        "command; complete epochs are kept",
                    ) from error  # fmt: skip


def _store(job: Job, update: Update) -> None:
    """Write an update into the job's run folder, as if the run were on this machine."""
    event, content, log = update
    if log:
        with (job.folder / LOG_FILE).open("a", encoding="utf-8") as file:
            file.write(log)
    if content is not None:
        write_bytes(job.folder / STATE_FILE, content)
        state = read_state(job.folder)
        state.config |= {key: job.config[key] for key in ("data", "output")}
        write_state(job.folder, state)
        status = event["event"] if event["event"] in LAST else "training"
        publish(job.folder, state, status)


@contextmanager
def _cluster(address: str, bytes_of_data: int) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine and shut it down at the end.

    Raises:
        NetworkError: there is no cluster at the address.
    """
    _check_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    where: dict[str, Any] = {"address": address}
    if address == LOCAL:
        store = max(MIN_OBJECT_STORE, 2 * bytes_of_data)
        where |= {"include_dashboard": False, "object_store_memory": store}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
    except (OSError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, error) from error
    try:
        signal.signal(signal.SIGTERM, handler)  # Ray installs its own
        yield ray
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise NetworkError if nothing listens at `host:port`: Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and "/" not in host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: BaseException) -> NetworkError:
    reason = f"cannot be used ({_last_line(error)})"
    return NetworkError(
        f"--ray {address}", reason, "give the address of a running cluster, or use --ray local"
    )


def _data_files(job: Job) -> dict[str, Path]:
    """Return the files of a job's data by their paths inside its folder.

    Raises:
        InputError: a table of labels lies elsewhere.
    """
    root = Path(job.config["data"] or cache_folder(job.config["dataset"]))
    if name_of(root) is not None:
        return {}
    if has_idx(root):
        return {path.name: path for path in find_files(root).values()}
    if job.config["manifest"] is not None:
        raise InputError(
            "--manifest", "is not sent by --ray", f"put the table into {root} as metadata.csv"
        )
    if root.is_file():
        return {root.name: root}
    return {name: root / name for name in walk(root)}


def _size(files: Iterable[Mapping[str, Path]]) -> int:
    paths = {path for named in files for path in named.values()}
    return sum(path.stat().st_size for path in paths)


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].rstrip(".")
