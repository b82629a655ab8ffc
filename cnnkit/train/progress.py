"""What a person sees of a training: a live bar on a terminal, plain lines, and train.log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from cnnkit.errors import StorageError

LOG_FILE = "train.log"
REFRESH_SECONDS = 0.1


@dataclass(frozen=True)
class Moment:
    """How far a training is.

    Attributes:
        done: epochs, 0 to all of them, the one under way in part.
        loss: the running mean of the epoch's training losses.
        accuracy: of the epoch's training images so far; of the test images once it is complete.
        complete: whether an epoch has just been judged and its state written.
    """

    done: float
    loss: float
    accuracy: float
    complete: bool


Follow = Callable[[Moment], None]


class TrainingProgress:
    """Follow a training: `with TrainingProgress(console, folder / LOG_FILE, ...) as progress`.

    Args:
        console: where to show it; quiet consoles show nothing.
        log: the file that each line is also added to.
        epochs: how many the run will have.
        images: how many training images an epoch has.
        done: how many epochs are complete already.
        follow: is called some times a second, and after each epoch.
    """

    def __init__(
        self,
        console: Console,
        log: Path,
        epochs: int,
        images: int,
        done: int,
        follow: Follow | None = None,
    ) -> None:
        self.console, self.log, self.epochs, self.images = console, log, epochs, images
        self.follow = follow
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.2%}"),
            TextColumn("{task.fields[speed]:,.0f} images/s"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,  # its thread would take time from the training
            disable=not console.is_terminal,  # elsewhere a bar is a wall of control characters
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

    def say(self, line: str) -> None:
        """Show a line and add it to the log.

        Raises:
            StorageError: the log cannot be written.
        """
        self.console.print(line, markup=False, soft_wrap=True)
        try:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(line + "\n")
        except OSError as error:
            raise StorageError(
                self.log,
                f"cannot be written ({error.strerror or error})",
                "make room, then continue with --resume",
            ) from error

    def step(self, epoch: int, seen: int, loss: float, accuracy: float, speed: float) -> None:
        """Move the bar: `seen` images of `epoch` (1-based), running means, images a second."""
        now = time.monotonic()
        if now - self.drawn >= REFRESH_SECONDS:
            self.drawn = now
            self.bar.update(
                self.task, completed=(epoch - 1) * self.images + seen,
                epoch=epoch, loss=loss, accuracy=accuracy, speed=speed, refresh=True,
            )  # fmt: skip
            if self.follow:
                self.follow(Moment(epoch - 1 + seen / self.images, loss, accuracy, False))

    def epoch(self, record: dict[str, Any]) -> None:
        """Say how an epoch ended."""
        parts = [f"epoch {record['epoch']}/{self.epochs}: loss {record['train_loss']:.4f}"]
        for key, name in (
            ("train_accuracy", "training accuracy"),
            ("validation_loss", "validation loss"),
            ("validation_accuracy", "validation accuracy"),
            ("test_accuracy", "test accuracy"),
        ):
            value = record[key]
            if value is not None:
                parts.append(f"{name} {value:.4f}" if "loss" in key else f"{name} {value:.2%}")
        parts.append(f"{record['images_per_second']:,.0f} images/s")
        self.say(", ".join(parts))
        if self.follow:
            judged = Moment(record["epoch"], record["train_loss"], record["test_accuracy"], True)
            self.follow(judged)
