"""One epoch: its steps with their running means, then what the network answers."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.system.signals import StopSignals
from cnnkit.train.engines.base import Engine
from cnnkit.train.progress import TrainingProgress

LOG_STEPS = 750  # as published


class NonFiniteError(ArithmeticError):
    """The loss became NaN or infinite."""


class StoppedError(Exception):
    """Somebody asked the training to stop before the epoch was complete."""


def train_epoch(
    engine: Engine,
    order: NDArray[np.int64],
    batch_size: int,
    epoch: int,
    progress: TrainingProgress,
    stop: StopSignals,
) -> dict[str, Any]:
    """Train on the images in `order` int64 [N] once and return the epoch's record.

    Raises:
        NonFiniteError: a step's loss is NaN or infinite.
        StoppedError: `stop` was asked.
    """
    started = time.perf_counter()
    total = running = 0.0
    right = seen = steps = 0
    for losses, correct in engine.steps(order, batch_size):
        for loss in losses:
            steps += 1
            if not math.isfinite(loss):
                raise NonFiniteError(f"the loss became {loss} in step {steps} of epoch {epoch}")
            total += loss
            running += loss
            if steps % LOG_STEPS == 0:
                progress.say(f"[{epoch}, {steps:5d}] loss: {running / LOG_STEPS:.4f}")
                running = 0.0
        right += correct
        seen = min(steps * batch_size, len(order))
        speed = seen / (time.perf_counter() - started)
        progress.step(epoch, seen, total / steps, right / seen, speed)
        if engine.agree(stop.asked):
            raise StoppedError
    return {
        "epoch": epoch,
        "learning_rate": engine.learning_rate,
        "train_loss": total / steps,  # the mean of the step losses, as published
        "train_accuracy": right / seen,  # while learning: each batch before its step
        "validation_loss": None,
        "validation_accuracy": None,
        "test_accuracy": None,
        "seconds": round(time.perf_counter() - started, 4),
        "images_per_second": round(speed, 1),
    }


def judge(engine: Engine, split: Split) -> tuple[float, float, NDArray[np.int64]]:
    """Return the mean loss, the accuracy (0 to 1) and the answers int64 [N] on a labelled split."""
    log_p = engine.answer(split.images).astype(np.float64)
    answers = log_p.argmax(axis=1)
    loss = -float(log_p[np.arange(len(split.labels)), split.labels].mean())
    return loss, float((answers == split.labels).mean()), answers
