"""Trainings on the machines of a Ray cluster: `run_jobs(configs, runner=on_ray("auto"))`.

Nothing but Ray's own messages connects the machines: data goes there as bytes, and the state comes
back as bytes after every epoch. So a run is at most an epoch behind in the folder of whoever asked
for it, and goes on from there, on any machine. cnnkit must be installed on all of them.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cnnkit.data.dataset import cache_folder, find_files
from cnnkit.errors import CnnkitError, MissingError, NetworkError
from cnnkit.runs.folder import publish
from cnnkit.runs.state import STATE_FILE, read_state, write_state
from cnnkit.system.files import read_bytes, write_bytes
from cnnkit.system.signals import StopSignals
from cnnkit.system.subprocesses import exchange_folder
from cnnkit.train.jobs.pool import POLL, Runner
from cnnkit.train.jobs.worker import LAST, Event, Job, Worker
from cnnkit.train.progress import LOG_FILE

LOCAL = "local"
LEAST_STORE = 2**27  # bytes of Ray's object store: it refuses less than 75 MB
CONNECT_SECONDS = 5.0
GRACE = 10.0  # seconds for tasks to remove their files; they take less than one, if not overloaded
News = tuple[Event, bytes | None, str]  # an event, the state if it is new, what is new in the log


def on_ray(address: str) -> Runner:
    """Return the runner for the cluster at `address`: as `ray.init` takes it, or `local`.

    Raises:
        MissingError: Ray is not installed.
    """
    if find_spec("ray") is None:
        raise MissingError.package("ray", "--ray", "ray")

    def run(jobs: Sequence[Job], stop: StopSignals) -> Iterator[tuple[int, Event]]:
        files = {job.folder: _data_files(job) for job in jobs}
        with _cluster(address, _size(files.values())) as ray:
            task = ray.remote(max_retries=0)(train_here)
            sent: dict[frozenset[Path], Any] = {}  # data that is in the cluster, once each
            running: dict[Any, int] = {}
            for number, job in enumerate(jobs):
                paths = frozenset(files[job.folder])
                if paths not in sent:
                    sent[paths] = ray.put({path.name: read_bytes(path) for path in paths})
                state = job.folder / STATE_FILE
                known = read_bytes(state) if state.exists() else None
                running[task.remote(job.config, known, sent[paths])] = number
            for number, news in _listen(ray, running, stop):
                job = jobs[number]
                job.folder.mkdir(parents=True, exist_ok=True)
                _keep(job, news)
                yield number, news[0]

    return run


def train_here(
    config: Mapping[str, Any], state: bytes | None, data: Mapping[str, bytes]
) -> Iterator[News]:
    """Train one job in a temporary folder of this machine; this is the task that Ray runs.

    Args:
        config: of the run, as JSON values.
        state: content of the state file to go on from; None begins.
        data: contents of the four IDX files, by file name.
    """
    with exchange_folder() as home:
        folder = home / "run"
        for name, content in data.items():
            write_bytes(home / "data" / name, content)
        if state is not None:
            write_bytes(folder / STATE_FILE, state)
        worker, told = Worker(), 0
        try:
            for event in worker.train(Job(folder, config, home / "data")):
                new, log = None, ""
                if event.get("complete") or event["event"] in LAST:
                    if (folder / STATE_FILE).exists():
                        new = read_bytes(folder / STATE_FILE)
                    if (folder / LOG_FILE).exists():
                        whole = read_bytes(folder / LOG_FILE).decode()
                        told, log = len(whole), whole[told:]
                yield event, new, log
        finally:
            worker.kill()
            worker.close()


def _listen(ray: Any, running: dict[Any, int], stop: StopSignals) -> Iterator[tuple[int, News]]:
    """Yield what tasks say until each is done; once stopping is asked, for `GRACE` at most."""
    last: float | None = None
    while running and (last is None or time.monotonic() < last):
        if stop.asked and last is None:
            last = time.monotonic() + GRACE
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
                        "Ray", f"a task failed there ({_last_line(error)})",
                        "every machine needs this version of cnnkit; complete epochs are kept, "
                        "and the same command goes on",
                    ) from error  # fmt: skip


def _keep(job: Job, news: News) -> None:
    """Make a run folder of what came over the wire, as if the run had been here."""
    event, content, log = news
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
    """Connect with a cluster, or start one of this machine's own and end it in the end.

    Raises:
        NetworkError: nothing answers at the address.
    """
    _check_answers(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    where: dict[str, Any] = {"address": address}
    if address == LOCAL:
        store = max(LEAST_STORE, 2 * bytes_of_data)
        where |= {"include_dashboard": False, "object_store_memory": store}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
    except (OSError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, error) from error
    try:
        signal.signal(signal.SIGTERM, handler)  # Ray puts its own in its place
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise NetworkError if nothing listens at `host:port`: Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and "/" not in host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: BaseException) -> NetworkError:
    reason = f"cannot be used ({_last_line(error)})"
    return NetworkError(f"--ray {address}", reason, "name a cluster that runs, or use --ray local")


def _data_files(job: Job) -> list[Path]:
    folder = job.config["data"] or cache_folder(job.config["dataset"])
    return list(find_files(Path(folder)).values())


def _size(lists: Any) -> int:
    return sum(path.stat().st_size for path in {path for paths in lists for path in paths})


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].rstrip(".")
