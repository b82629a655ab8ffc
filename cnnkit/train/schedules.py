"""Learning-rate schedules: `scheduled_rate("cosine", 1e-4, epoch=1, epochs=30)`.

The rate is constant within an epoch and a function of the epoch's number alone, as is the order of
the images. So a schedule has no state that a resumed run would have to restore.
"""

from __future__ import annotations

import math
from collections.abc import Callable


def constant(epoch: int, epochs: int) -> float:
    """Return 1, as in the published training (PyTorch: no scheduler)."""
    return 1.0


def cosine(epoch: int, epochs: int) -> float:
    """Return (1 + cos(π (epoch-1) / epochs)) / 2: 1 in the first epoch, 0 right after the last.

    PyTorch: `CosineAnnealingLR(optimizer, T_max=epochs)`, stepped after every epoch (Loshchilov and
    Hutter 2017, equation 5, without restarts).
    """
    return (1.0 + math.cos(math.pi * (epoch - 1) / epochs)) / 2.0


def step(epoch: int, epochs: int) -> float:
    """Return 1, 0.1 and 0.01 in the first, second and last third of the epochs, thirds rounded up.

    PyTorch: `StepLR(optimizer, step_size=ceil(epochs / 3), gamma=0.1)`, stepped after every epoch.
    """
    return float(0.1 ** ((epoch - 1) // math.ceil(epochs / 3)))


SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": constant,
    "cosine": cosine,
    "step": step,
}


def scheduled_rate(
    schedule: str, learning_rate: float, epoch: int, epochs: int, warmup: int = 0
) -> float:
    """Return the learning rate of `epoch` (1 to `epochs`), given the initial one.

    It rises linearly for `warmup` epochs, and the schedule is that of the epochs after them.
    PyTorch: `LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)`, then the
    schedule's, by SequentialLR.
    """
    if epoch <= warmup:
        return learning_rate * epoch / (warmup + 1)
    return learning_rate * SCHEDULES[schedule](epoch - warmup, epochs - warmup)
