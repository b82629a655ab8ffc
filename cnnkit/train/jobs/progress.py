"""Progress of many trainings: a live line for each while it runs, a plain line when it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cnnkit.train.progress import BAR


class JobsProgress:
    """Show jobs: `with JobsProgress(console, epochs, unfinished) as progress: progress.show(...)`.

    Args:
        console: where to show progress; a quiet console shows nothing.
        epochs: number of epochs of every job, by name.
        unfinished: names of the jobs that still have to run.
    """

    def __init__(
        self, console: Console, epochs: Mapping[str, int], unfinished: Sequence[str]
    ) -> None:
        self.console, self.epochs = console, epochs
        self.done: dict[str, float] = {
            name: 0.0 if name in unfinished else float(total) for name, total in epochs.items()
        }
        self.last_epoch: dict[str, Mapping[str, Any]] = {}  # the update after it, by name
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(BAR),
            TextColumn("{task.fields[status]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,  # its thread would slow the trainings down
            disable=not console.is_terminal,
        )
        self.total = self.bar.add_task(
            "all runs", total=sum(epochs.values()), completed=int(self._all_done()), status=""
        )
        self.tasks: dict[str, TaskID] = {}
        self.ended = len(epochs) - len(unfinished)
        if self.ended:
            console.print(f"{self.ended} of {len(epochs)} runs are done already", soft_wrap=True)

    def __enter__(self) -> JobsProgress:
        self.bar.start()
        self._show_total()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def show(self, name: str, event: Mapping[str, Any]) -> None:
        """Show an event of the job `name`."""
        if event["event"] == "progress":
            self._show_progress(name, event)
        elif event["event"] in ("finished", "diverged"):
            self.ended += 1
            self.done[name] = self.epochs[name]
            if name in self.tasks:
                self.bar.remove_task(self.tasks.pop(name))
            self.console.print(self._last_line(name, event), markup=False, soft_wrap=True)
        self._show_total()

    def _show_progress(self, name: str, event: Mapping[str, Any]) -> None:
        if name not in self.tasks:
            self.tasks[name] = self.bar.add_task(name, total=self.epochs[name], status="")
        self.done[name] = event["done"]
        if event["complete"]:
            self.last_epoch[name] = event
        status = (
            f"epoch {int(event['done']) + (not event['complete'])}/{self.epochs[name]}  "
            f"loss {event['loss']:.4f}  {'test ' if event['complete'] else ''}"
            f"accuracy {event['accuracy']:.2%}"
        )
        self.bar.update(self.tasks[name], completed=event["done"], status=status)

    def _last_line(self, name: str, event: Mapping[str, Any]) -> str:
        start = f"[{self.ended}/{len(self.epochs)}] {name}: "
        last = self.last_epoch.get(name)
        if event["event"] == "diverged":
            return f"{start}diverged: {event['reason']}"
        if last is None:  # all epochs were already complete
            return f"{start}done"
        done = last["done"]
        return (
            f"{start}{done:.0f} epoch{'' if done == 1 else 's'}, loss {last['loss']:.4f}, "
            f"test accuracy {last['accuracy']:.2%}"
        )

    def _show_total(self) -> None:
        status = f"{self.ended} of {len(self.epochs)} runs"
        self.bar.update(self.total, completed=self._all_done(), status=status, refresh=True)

    def _all_done(self) -> float:
        return math.fsum(self.done.values())
