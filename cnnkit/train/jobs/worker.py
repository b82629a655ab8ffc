"""A process that trains one job after another: `for event in Worker().train(job): ...`.

The other side is this module run by itself: a job a line on stdin, an event a line on stdout. It
ends when its stdin does, so it never outlives whoever started it.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from cnnkit import errors
from cnnkit.data.dataset import Dataset, load_dataset
from cnnkit.errors import CnnkitError
from cnnkit.runs.state import STATE_FILE
from cnnkit.system.subprocesses import module_command, module_environment
from cnnkit.train.config import TrainConfig
from cnnkit.train.progress import Follow, Moment
from cnnkit.train.trainer import resume, train

LAST = ("finished", "diverged", "stopped", "error", "bug")  # what ends a job
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        folder: its run folder; a run that stands there goes on.
        config: `TrainConfig.to_json()` of all its choices.
        data: where this machine has the IDX files, if not where the config says.
    """

    folder: Path
    config: Mapping[str, Any]
    data: Path | None = None


class Worker:
    """A fresh Python process with one thread, deaf to the terminal's Ctrl-C."""

    def __init__(self) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self.process = subprocess.Popen(
            module_command(__name__),
            env={**module_environment(), **dict.fromkeys(THREADS, "1")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            start_new_session=True,  # a terminal signals a whole group: whoever started it decides
        )

    def train(self, job: Job) -> Iterator[Event]:
        """Yield `moment` events while it trains, then one of `LAST`.

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
            pass  # it is dead, and has nothing to say
        for line in self.process.stdout:
            if not line.endswith("\n"):
                break  # it died while it spoke
            event = json.loads(line)
            yield event
            if event["event"] in LAST:
                return
        self.errors.seek(0)
        words = self.errors.read().decode(errors="replace").strip().splitlines()
        code = self.process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise CnnkitError(
            job.folder,
            f"the process that trained it {how}{': ' + words[-1] if words else ''}",
            "its complete epochs are kept; give the same command again to go on",
        )

    def stop(self) -> None:
        """Ask it to end politely, its job's complete epochs kept."""
        self.process.terminate()

    def kill(self) -> None:
        """End it at once; who reads from it sees the end."""
        self.process.kill()

    def close(self) -> None:
        """Wait until it is gone, when nobody reads from it any more."""
        self.process.communicate()
        self.errors.close()


def main(jobs: TextIO, events: TextIO) -> None:
    """Train the jobs that come in, and say how it goes."""
    load = functools.cache(load_dataset)

    def say(event: str, **values: Any) -> None:
        events.write(json.dumps({"event": event, **values}) + "\n")
        events.flush()

    def follow(moment: Moment) -> None:
        say("moment", **asdict(moment))

    for line in jobs:
        job = json.loads(line)
        config = TrainConfig.from_json({**job["config"], "output": job["folder"]})
        try:
            data = load(config.dataset, Path(job["data"]) if job["data"] else config.data, True)
            train_or_resume(Path(job["folder"]), config, data, follow)
        except BrokenPipeError:
            return  # nobody listens any more
        except KeyboardInterrupt:
            say("stopped")
        except errors.VerdictError as error:
            say("diverged", reason=error.reason)
        except CnnkitError as error:
            words = {"subject": error.subject, "reason": error.reason, "remedy": error.remedy}
            say("error", kind=type(error).__name__, **words)
        except Exception:
            say("bug", traceback=traceback.format_exc())
        else:
            say("finished")


def train_or_resume(folder: Path, config: TrainConfig, data: Dataset, follow: Follow) -> None:
    """Go on with the run in `folder`, or begin it; nobody looks at the pictures of so many.

    Raises:
        CnnkitError, TrainingInterruptedError: as `cnnkit.train.trainer.train`.
    """
    if (folder / STATE_FILE).exists():
        resume(folder, data_folder=config.data, data=data, follow=follow, pictures=False)
    else:
        train(config, data=data, follow=follow, pictures=False)


def raise_failure(event: Event) -> None:
    """Raise, in this process, the error that ended a job in another.

    Raises:
        CnnkitError: of the same class.
        RuntimeError: it was a bug; the traceback is the message.
    """
    if event["event"] == "error":
        raise getattr(errors, event["kind"])(event["subject"], event["reason"], event["remedy"])
    if event["event"] == "bug":
        raise RuntimeError(event["traceback"])


if __name__ == "__main__":
    # What libraries print must not get between the events.
    with os.fdopen(os.dup(1), "w") as channel:
        os.dup2(2, 1)
        main(sys.stdin, channel)
