"""The interface of a training engine: it starts from a state, makes steps, and returns the state.

The state is NumPy arrays and holds everything that the next step depends on except the order of the
images, which `cnnkit.data.sampling` determines. So one engine can continue where another stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.errors import InputError, MissingError
from cnnkit.graph.convnet import match
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised.scales import Scale
from cnnkit.graph.sequence import read_sequence
from cnnkit.runs.training_state import State

# Limits of the native engine, which keeps a label, and a pixel's index in its window, in a byte.
MAX_CLASSES, MAX_POOL = 256, 15
# The images to show for a part of an epoch's order, uint8 [N, C, H, W].
Pixels = Callable[[slice], NDArray[np.uint8]]
PROBLEM = "cnnkit cannot train"  # a node of another network than the family's


@dataclass(frozen=True)
class EngineSettings:
    """What every engine is constructed from.

    Attributes:
        graph: the network, as `cnnkit.graph.convnet.build` made it.
        split: the training images; all of them stay in memory as uint8.
        state: where to start: what `fresh_state` or an engine's `state` returned.
        learning_rate: Adam's; the engine's attribute may be set between epochs. Betas and epsilon
            are PyTorch's defaults.
        weight_decay: AdamW's; 0 is plain Adam.
        device: `auto` or `cpu`; PyTorch's engine also takes `cuda` and `mps`.
        class_weights: of the classes in the loss, float32 [K] above 0; None for 1.
        label_smoothing: PyTorch's.
        seed: of what is dropped in training.
        scales: of quantised values, by name: the network computes as its 8-bit form does.
    """

    graph: Graph
    split: Split
    state: State
    learning_rate: float
    weight_decay: float = 0.0
    device: str = "auto"
    class_weights: NDArray[np.float32] | None = None
    label_smoothing: float = 0.0
    seed: int = 0
    scales: Mapping[str, Scale] | None = None


class Engine(Protocol):
    """What the training loop needs from an engine."""

    processes: int  # that train together
    learning_rate: float  # Adam's, from the next step on

    def steps(
        self, order: NDArray[np.int64], batch_size: int, pixels: Pixels | None = None
    ) -> Iterator[tuple[list[float], int]]:
        """Train on the images in `order` int64 [N], one or more steps at a time.

        With `pixels`, `pixels(part)` is shown in place of the images `order[part]`.

        Yields, several times a second, the losses of the steps since the last yield and the number
        of their images that were classified correctly, both measured before each step's update. The
        last batch may be smaller. Training ends after a loss that is not finite.
        """

    def should_stop(self, requested: bool) -> bool:
        """Return whether a stop was requested in any of the processes that train together."""

    def log_probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W]."""

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the parameters, Adam's moments and the number of steps."""


def native_limit(graph: Graph) -> str:
    """Return why the native engine cannot train a network; empty if it can."""
    try:
        architecture = match(graph).architecture
    except InputError:
        return _limit_of_layers(graph)
    if architecture.classes > MAX_CLASSES:
        return f"supports at most {MAX_CLASSES} classes, not {architecture.classes}"
    pool = max(block.pool for block in architecture.blocks)
    return f"supports pool sizes of at most {MAX_POOL}, not {pool}" if pool > MAX_POOL else ""


def _limit_of_layers(graph: Graph) -> str:
    """Return it of a network that is no stack of convolution, ReLU and max-pool."""
    try:
        classes = read_sequence(graph).classes
    except InputError as error:
        return f"trains sequences of layers, and this one {error.reason}"
    return f"supports at most {MAX_CLASSES} classes, not {classes}" if classes > MAX_CLASSES else ""


def choose_engine(name: str, device: str, graph: Graph) -> str:
    """Return "native" or "torch" for `auto`, and any other name unchanged.

    Raises:
        InputError: the native engine is requested for a device or network it does not support.
    """
    on_cpu = device in ("auto", "cpu")
    limit = native_limit(graph)
    if name == "auto":
        return "native" if on_cpu and not limit else "torch"
    if name == "native" and not on_cpu:
        raise InputError(
            f"--engine native --device {device}",
            "runs on the CPU only",
            "leave --device out, or use --engine torch",
        )
    if name == "native" and limit:
        raise InputError("--engine native", limit, "use --engine torch")
    return name


def require_packages(engine: str) -> None:
    """Raise MissingError unless Matplotlib, and PyTorch if it trains, are installed."""
    for package in ("torch", "matplotlib") if engine == "torch" else ("matplotlib",):
        if find_spec(package) is None:
            raise MissingError.package(package, "training")
