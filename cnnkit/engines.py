"""What a training engine is: it takes a state of NumPy arrays, makes steps, gives it back.

The state is all that the next step depends on, except the order of the images, which
`cnnkit.sampling` gives. So one engine can go on where another stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cnnkit.architecture import Architecture
from cnnkit.data import Split
from cnnkit.errors import InputError, MissingError

State = Mapping[str, NDArray[np.float32]]
ENGINES = ("auto", "native", "torch")
MOST_CLASSES, MOST_POOL = (
    256,
    15,
)  # of the native engine: a label, and a pixel of a window, is a byte
# Names in the state: a prefix and the parameter's name, and the number of steps taken.
PARAMETERS, MEAN, SQUARE, STEP = "parameters/", "adam.mean/", "adam.square/", "adam.step"


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


def fresh_state(architecture: Architecture, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return the state before the first step: drawn parameters, Adam's moments at zero."""
    state: dict[str, NDArray[np.float32]] = {STEP: np.zeros(1, np.float32)}
    for name, values in architecture.initial_parameters(seed).items():
        state[PARAMETERS + name] = values
        state[MEAN + name] = np.zeros_like(values)
        state[SQUARE + name] = np.zeros_like(values)
    return state


def parameters(state: State) -> dict[str, NDArray[np.float32]]:
    """Return a state's network parameters by their own names."""
    return {
        name.removeprefix(PARAMETERS): array
        for name, array in state.items()
        if name.startswith(PARAMETERS)
    }


def is_finite(state: State) -> bool:
    """Tell whether a state holds neither NaN nor infinity."""
    return all(bool(np.isfinite(array).all()) for array in state.values())


def check_state(state: State, architecture: Architecture, path: object) -> None:
    """Raise InputError unless a state read from `path` fits the architecture."""
    expected = {name: array.shape for name, array in fresh_state(architecture, 0).items()}
    found = {name: array.shape for name, array in state.items() if array.dtype == np.float32}
    if found != expected or len(state) != len(expected) or not is_finite(state):
        raise InputError(
            path, "does not hold a whole training state", "start again with another --output"
        )


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


class EngineMaker(Protocol):
    """What makes an engine: architecture, training images, learning rate, device, state."""

    def __call__(
        self,
        architecture: Architecture,
        split: Split,
        learning_rate: float,
        device: str,
        state: State,
        *,
        weight_decay: float = 0.0,
    ) -> Engine:
        """Return the engine, or raise what `NativeEngine` and `TorchEngine` do."""


def open_engine(name: str) -> EngineMaker:
    """Return what makes the engine `native` or `torch`, imported only now.

    Raises:
        MissingError: PyTorch, or Matplotlib for the pictures, is not installed.
    """
    require_packages(name)
    if name == "native":
        from cnnkit.native_engine import NativeEngine

        return NativeEngine
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        from cnnkit.distributed_engine import DistributedEngine

        return DistributedEngine
    from cnnkit.torch_engine import TorchEngine

    return TorchEngine
