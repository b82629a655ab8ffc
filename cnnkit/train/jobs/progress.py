"""What a person sees of many trainings: a live line for each one, then a plain one at its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class JobsProgress:
    """Follow jobs: `with JobsProgress(console, epochs, left) as progress: progress.show(...)`.

    Args:
        console: where to show them; quiet consoles show nothing.
        epochs: of every job, by name.
        left: the names of those that have not ended before.
    """

    def __init__(self, console: Console, epochs: Mapping[str, int], left: Sequence[str]) -> None:
        self.console, self.epochs = console, epochs
        self.done: dict[str, float] = {
            name: 0.0 if name in left else float(total) for name, total in epochs.items()
        }
        self.moments: dict[str, dict[str, Any]] = {}
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[words]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,  # its thread would take time from the trainings
            disable=not console.is_terminal,
        )
        self.total = self.bar.add_task(
            "all runs", total=sum(epochs.values()), completed=int(self._all_done()), words=""
        )
        self.tasks: dict[str, TaskID] = {}
        self.ended = len(epochs) - len(left)
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
        """Show what a worker said of the job `name`."""
        if event["event"] == "moment":
            self._show_moment(name, event)
        elif event["event"] in ("finished", "diverged"):
            self.ended += 1
            self.done[name] = self.epochs[name]
            if name in self.tasks:
                self.bar.remove_task(self.tasks.pop(name))
            self.console.print(self._last_line(name, event), markup=False, soft_wrap=True)
        self._show_total()

    def _show_moment(self, name: str, event: Mapping[str, Any]) -> None:
        if name not in self.tasks:
            self.tasks[name] = self.bar.add_task(name, total=self.epochs[name], words="")
        self.done[name] = event["done"]
        if event["complete"]:
            self.moments[name] = dict(event)
        words = (
            f"epoch {int(event['done']) + (not event['complete'])}/{self.epochs[name]}  "
            f"loss {event['loss']:.4f}  {'test ' if event['complete'] else ''}"
            f"accuracy {event['accuracy']:.2%}"
        )
        self.bar.update(self.tasks[name], completed=event["done"], words=words)

    def _last_line(self, name: str, event: Mapping[str, Any]) -> str:
        start = f"[{self.ended}/{len(self.epochs)}] {name}: "
        moment = self.moments.get(name)
        if event["event"] == "diverged":
            return f"{start}diverged: {event['reason']}"
        if moment is None:  # all its epochs were complete before
            return f"{start}done"
        return (
            f"{start}{moment['done']:.0f} epochs, loss {moment['loss']:.4f}, "
            f"test accuracy {moment['accuracy']:.2%}"
        )

    def _show_total(self) -> None:
        words = f"{self.ended} of {len(self.epochs)} runs"
        self.bar.update(self.total, completed=self._all_done(), words=words, refresh=True)

    def _all_done(self) -> float:
        return math.fsum(self.done.values())
