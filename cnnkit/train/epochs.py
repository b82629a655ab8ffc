"""One epoch: train on all images once, then evaluate the network on a labelled split."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.metrics import confusion_matrix
from cnnkit.system.signals import StopSignals
from cnnkit.train.engines.base import Engine, Pixels
from cnnkit.train.progress import TrainingProgress

LOG_STEPS = 750  # as published


class NonFiniteError(ArithmeticError):
    """The loss became NaN or infinite."""


class StoppedError(Exception):
    """A stop was requested before the last epoch was complete."""


def train_epoch(
    engine: Engine,
    order: NDArray[np.int64],
    batch_size: int,
    epoch: int,
    progress: TrainingProgress,
    stop: StopSignals,
    pixels: Pixels | None = None,
) -> dict[str, Any]:
    """Train on the images in `order` int64 [N] once and return the epoch's record.

    With `pixels`, `pixels(part)` is shown in place of the images `order[part]`.

    Raises:
        NonFiniteError: the loss of a step is NaN or infinite.
        StoppedError: a stop was requested.
    """
    started = time.perf_counter()
    total = running = 0.0
    correct = seen = steps = 0
    for losses, newly_correct in engine.steps(order, batch_size, pixels):
        for loss in losses:
            steps += 1
            if not math.isfinite(loss):
                raise NonFiniteError(f"the loss became {loss} in step {steps} of epoch {epoch}")
            total += loss
            running += loss
            if steps % LOG_STEPS == 0:
                line = f"[{epoch}, {steps:5d}] loss: {running / LOG_STEPS:.4f}"
                progress.log(line, detail=True)
                running = 0.0
        correct += newly_correct
        seen = min(steps * batch_size, len(order))
        speed = seen / (time.perf_counter() - started)
        progress.step(epoch, seen, total / steps, correct / seen, speed)
        if engine.should_stop(stop.asked):
            raise StoppedError
    return {
        "epoch": epoch,
        "learning_rate": engine.learning_rate,
        "train_loss": total / steps,  # the mean of the step losses, as published
        "train_accuracy": correct / seen,  # during training: each batch before its update
        "validation_loss": None,
        "validation_accuracy": None,
        "test_accuracy": None,
        "seconds": round(time.perf_counter() - started, 4),
        "images_per_second": round(speed, 1),
    }


@dataclass(frozen=True)
class Evaluated:
    """How good the network is on a labelled split.

    Attributes:
        loss: the mean negative log-likelihood, without class weights or label smoothing.
        accuracy: 0 to 1.
        confusion: int64 [K, K], a row per true class.
        log_p: log-probabilities [N, K].
    """

    loss: float
    accuracy: float
    confusion: NDArray[np.int64]
    log_p: NDArray[np.float64]


def evaluate(engine: Engine, split: Split) -> Evaluated:
    """Return how good the network is on a labelled split."""
    log_p = engine.log_probabilities(split.images).astype(np.float64)
    predicted = log_p.argmax(axis=1)
    loss = -float(log_p[np.arange(len(split.labels)), split.labels].mean())
    confusion = confusion_matrix(split.labels, predicted, log_p.shape[1])
    return Evaluated(loss, float((predicted == split.labels).mean()), confusion, log_p)
