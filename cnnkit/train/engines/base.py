"""What a training engine is: it takes a state of NumPy arrays, makes steps, gives it back.

The state is all that the next step depends on, except the order of the images, which
`cnnkit.data.sampling` gives. So one engine can go on where another stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError, MissingError
from cnnkit.graph.architecture import Architecture

ENGINES = ("auto", "native", "torch")
MOST_CLASSES, MOST_POOL = (
    256,
    15,
)  # of the native engine: a label, and a pixel of a window, is a byte


class Engine(Protocol):
    """What the training loop asks of an engine."""

    processes: int  # that train together
    learning_rate: float  # Adam's, from the next step on

    def steps(self, order: NDArray[np.int64], batch_size: int) -> Iterator[tuple[list[float], int]]:
        """Train on the images in `order` int64 [N], one or more steps at a time.

        Yields, within a fraction of a second each time, the losses of the steps made since and how
        many of their images were answered rightly. A loss that is not finite is the last one.
        """

    def agree(self, asked: bool) -> bool:
        """Tell whether any of the processes that train together was asked to stop."""

    def answer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W]."""

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of everything that the next step depends on."""


def beyond_native(architecture: Architecture) -> str:
    """Return why the native engine cannot train a network; empty if it can."""
    if architecture.classes > MOST_CLASSES:
        return f"tells at most {MOST_CLASSES} classes apart, not {architecture.classes}"
    pool = max(block.pool for block in architecture.blocks)
    return f"pools over at most {MOST_POOL} pixels, not {pool}" if pool > MOST_POOL else ""


def choose_engine(name: str, device: str, architecture: Architecture) -> str:
    """Return "native" or "torch" for `auto`, and any other name as it is.

    Raises:
        InputError: the native engine is asked for what only PyTorch does.
    """
    on_cpu = device in ("auto", "cpu")
    if name == "auto":
        return "native" if on_cpu and not beyond_native(architecture) else "torch"
    if name == "native" and not on_cpu:
        raise InputError(
            f"--engine native --device {device}", "runs on the CPU only", "use --engine torch"
        )
    reason = beyond_native(architecture)
    if name == "native" and reason:
        raise InputError("--engine native", reason, "use --engine torch")
    return name


def require_packages(engine: str) -> None:
    """Raise MissingError unless Matplotlib is here for the pictures, and PyTorch if it trains."""
    for package in ("torch", "matplotlib") if engine == "torch" else ("matplotlib",):
        if find_spec(package) is None:
            raise MissingError.package(package, "training")
