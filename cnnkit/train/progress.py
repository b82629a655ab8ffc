"""Progress of one training: a live bar on a terminal, plain lines elsewhere, and train.log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from cnnkit.errors import StorageError
from cnnkit.system.terminal import is_verbose, working

LOG_FILE = "train.log"
REFRESH_SECONDS = 0.1
BAR = 8  # columns; with it, all figures stand in 80
# Of an epoch's record what its line says, in order.
COLUMNS = {
    "train_loss": "loss",
    "train_accuracy": "train",
    "validation_loss": "val loss",
    "validation_accuracy": "val",
    "validation_balanced_accuracy": "balanced",
    "test_accuracy": "test",
}


@dataclass(frozen=True)
class ProgressUpdate:
    """How far a training has come.

    Attributes:
        done: epochs trained so far, the current one as a fraction.
        loss: the running mean of the current epoch's training losses.
        accuracy: on the epoch's training images so far; on the test images if `complete`.
        complete: whether an epoch has just been evaluated and its state written.
    """

    done: float
    loss: float
    accuracy: float
    complete: bool


OnProgress = Callable[[ProgressUpdate], None]


class TrainingProgress:
    """Show and log a training: `with TrainingProgress(console, log_file, ...) as progress`.

    Args:
        console: where to show progress; a quiet console shows nothing.
        log_file: every line is also appended to this file.
        epochs: number of epochs of the whole run.
        images: number of training images per epoch.
        done: number of epochs that are already complete.
        on_progress: called several times a second and after each epoch.
    """

    def __init__(
        self,
        console: Console,
        log_file: Path,
        epochs: int,
        images: int,
        done: int,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.console, self.log_file = console, log_file
        self.epochs, self.images = epochs, images
        self.on_progress = on_progress
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(BAR),
            TaskProgressColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.2%}"),
            TextColumn("{task.fields[speed]:,.0f} images/s"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,  # its thread would slow the training down
            disable=not console.is_terminal,  # in a file it would be control characters
        )
        self.task = self.bar.add_task(
            "train", total=epochs * images, completed=done * images,
            epoch=done + 1, epochs=epochs, loss=0.0, accuracy=0.0, speed=0.0,
        )  # fmt: skip
        self.drawn = 0.0

    def __enter__(self) -> TrainingProgress:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def log(self, line: str, detail: bool = False) -> None:
        """Show a line and append it to the log file; show a detail only to who wants it.

        Raises:
            StorageError: the log file cannot be written.
        """
        if not detail or is_verbose(self.console):
            self.console.print(line, markup=False, soft_wrap=True)
        try:
            with self.log_file.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise StorageError(
                self.log_file,
                f"cannot be written ({error.strerror or error})",
                "free some space, then continue with --resume",
            ) from error

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Show in the bar's place that pictures are drawn, which may take longer than training."""
        if self.console.is_terminal:
            self.bar.stop()
        with working(self.console, "drawing the run's pictures"):
            yield

    def step(self, epoch: int, seen: int, loss: float, accuracy: float, speed: float) -> None:
        """Move the bar to `seen` images of `epoch` (1-based); `speed` is images per second."""
        now = time.monotonic()
        if now - self.drawn >= REFRESH_SECONDS:
            self.drawn = now
            self.bar.update(
                self.task, completed=(epoch - 1) * self.images + seen,
                epoch=epoch, loss=loss, accuracy=accuracy, speed=speed, refresh=True,
            )  # fmt: skip
            if self.on_progress:
                done = epoch - 1 + seen / self.images
                self.on_progress(ProgressUpdate(done, loss, accuracy, complete=False))

    def end_epoch(self, record: dict[str, Any]) -> None:
        """Log the metrics of a complete epoch."""
        width = len(str(self.epochs))
        parts = [f"epoch {record['epoch']:{width}}/{self.epochs}"]
        for key, name in COLUMNS.items():
            value = record.get(key)
            if value is not None:
                parts.append(f"{name} {value:.4f}" if "loss" in key else f"{name} {value:.2%}")
        if record.get("validation_loss") is None:  # else there is no room for it in 80 columns
            parts.append(f"{record['images_per_second']:,.0f} images/s")
        self.log("  ".join(parts))
        if self.on_progress:
            loss, accuracy = record["train_loss"], record["test_accuracy"]
            self.on_progress(ProgressUpdate(record["epoch"], loss, accuracy, complete=True))
