"""A child process that trains one job after another: `for event in Worker().train(job): ...`.

The child runs this module. It reads one job per line from stdin and writes one event per line to
stdout, both as JSON. It exits at the end of stdin, so it never outlives its parent.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from cnnkit import errors
from cnnkit.data.dataset import Dataset
from cnnkit.data.load import load_dataset
from cnnkit.errors import CnnkitError, KilledError
from cnnkit.runs.state import STATE_FILE
from cnnkit.system.subprocesses import module_command, module_environment
from cnnkit.train.config import TrainConfig
from cnnkit.train.progress import OnProgress, ProgressUpdate
from cnnkit.train.trainer import resume, train

LAST = ("finished", "diverged", "stopped", "error", "bug")  # events that end a job
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
KILLED = getattr(signal, "SIGKILL", 9)  # Windows has none
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        folder: the run folder; a run in it is resumed.
        config: the run's config, from `TrainConfig.to_json`.
        data: the folder of the IDX files on this machine, if it is not the config's.
    """

    folder: Path
    config: Mapping[str, Any]
    data: Path | None = None


class Worker:
    """A new Python process with one thread, which does not receive the terminal's Ctrl-C."""

    def __init__(self) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self.process = subprocess.Popen(
            module_command(__name__),
            env={**module_environment(), **dict.fromkeys(THREADS, "1")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            # A terminal signals its whole group; the parent decides.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows
        )

    def train(self, job: Job) -> Iterator[Event]:
        """Yield `progress` events during the training, then one of `LAST`.

        Raises:
            CnnkitError: the process died.
        """
        assert self.process.stdin
        assert self.process.stdout
        values = {
            "folder": str(job.folder),
            "config": job.config,
            "data": job.data and str(job.data),
        }
        try:
            self.process.stdin.write(json.dumps(values) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # the process is dead; reported below
        for line in self.process.stdout:
            if not line.endswith("\n"):
                break  # the process died while writing
            event = json.loads(line)
            yield event
            if event["event"] in LAST:
                return
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        code = self.process.wait()
        kind = KilledError if code < 0 else CnnkitError
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        memory = " (memory may have run out)" if code == -KILLED else ""
        raise kind(
            job.folder,
            f"the process that trained it {how}{memory}{': ' + lines[-1] if lines else ''}",
            "repeat the same command to continue; complete epochs are kept",
        )

    def stop(self) -> None:
        """Request a graceful shutdown; complete epochs are kept."""
        self.process.terminate()

    def kill(self) -> None:
        """Kill it; a reader of its events sees the end of the stream."""
        self.process.kill()

    def close(self) -> None:
        """Wait for its exit and release its pipes, once nobody reads from it any more."""
        self.process.communicate()
        self.errors.close()


def main(jobs: TextIO, events: TextIO) -> None:
    """Train each job read from `jobs` and write its events to `events`."""
    load = functools.cache(load_dataset)

    def emit(event: str, **values: Any) -> None:
        events.write(json.dumps({"event": event, **values}) + "\n")
        events.flush()

    def on_progress(update: ProgressUpdate) -> None:
        emit("progress", **asdict(update))

    for line in jobs:
        job = json.loads(line)
        config = TrainConfig.from_json({**job["config"], "output": job["folder"]})
        try:
            folder = Path(job["data"]) if job["data"] else config.data
            data = load(config.dataset, folder, True, config.pictures())
            train_or_resume(Path(job["folder"]), config, data, on_progress)
        except BrokenPipeError:
            return  # the parent is gone
        except KeyboardInterrupt:
            emit("stopped")
        except errors.VerdictError as error:
            emit("diverged", reason=error.reason)
        except CnnkitError as error:
            parts = {"subject": error.subject, "reason": error.reason, "remedy": error.remedy}
            emit("error", kind=type(error).__name__, **parts)
        except Exception:
            emit("bug", traceback=traceback.format_exc())
        else:
            emit("finished")


def train_or_resume(
    folder: Path, config: TrainConfig, data: Dataset, on_progress: OnProgress
) -> None:
    """Resume the run in `folder`, or start it; without plots, since there are many runs.

    Raises:
        CnnkitError, TrainingInterruptedError: as in `cnnkit.train.trainer.train`.
    """
    if (folder / STATE_FILE).exists():
        resume(folder, data_folder=config.data, data=data, on_progress=on_progress, pictures=False)
    else:
        train(config, data=data, on_progress=on_progress, pictures=False)


def raise_failure(event: Event) -> None:
    """Raise the error that ended a job in a worker; do nothing for other events.

    Raises:
        CnnkitError: the worker's error, of the same class.
        RuntimeError: a bug in the worker; the message is its traceback.
    """
    if event["event"] == "error":
        raise getattr(errors, event["kind"])(event["subject"], event["reason"], event["remedy"])
    if event["event"] == "bug":
        raise RuntimeError(event["traceback"])


if __name__ == "__main__":
    # Whatever libraries print goes to stderr, so that stdout carries events only.
    with os.fdopen(os.dup(1), "w") as channel:
        os.dup2(2, 1)
        main(sys.stdin, channel)
