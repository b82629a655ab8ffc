"""Learning rates: `scheduled_rate("cosine", 1e-4, epoch=1, epochs=30)`.

A rate holds for a whole epoch and is a function of the epoch's number alone, like the order of the
images: nothing of it needs saving, and a step depends on no count that a resumed run could lose.
"""

from __future__ import annotations

import math
from collections.abc import Callable


def constant(epoch: int, epochs: int) -> float:
    """Return 1: the published training (PyTorch: no scheduler)."""
    return 1.0


def cosine(epoch: int, epochs: int) -> float:
    """Return (1 + cos(π (epoch-1) / epochs)) / 2: from 1 towards 0, which would follow the last.

    PyTorch: `CosineAnnealingLR(optimiser, T_max=epochs)`, stepped after every epoch (Loshchilov and
    Hutter 2017, equation 5, without restarts).
    """
    return (1.0 + math.cos(math.pi * (epoch - 1) / epochs)) / 2.0


def step(epoch: int, epochs: int) -> float:
    """Return 1, 0.1 and 0.01 in the first, second and last third of the epochs, thirds rounded up.

    PyTorch: `StepLR(optimiser, step_size=ceil(epochs / 3), gamma=0.1)`, stepped after every epoch.
    """
    return float(0.1 ** ((epoch - 1) // math.ceil(epochs / 3)))


SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": constant,
    "cosine": cosine,
    "step": step,
}


def scheduled_rate(schedule: str, learning_rate: float, epoch: int, epochs: int) -> float:
    """Return the learning rate of `epoch` (1 to `epochs`), given that of the first."""
    return learning_rate * SCHEDULES[schedule](epoch, epochs)
