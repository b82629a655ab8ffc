"""Training steps and answers by cnnkit's own engine, without PyTorch."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.data.dataset import Split
from cnnkit.graph.architecture import Architecture
from cnnkit.runs.training_state import MEAN, PARAMETERS, SQUARE, STEP, State
from cnnkit.train.engines.base import choose_engine

FEWEST_STEPS, MOST_STEPS = 8, 750  # at a time
FAST, SLOW = 0.02, 0.1  # seconds that so many steps should take: progress moves, Ctrl-C is heard


class NativeEngine:
    """A network, Adam and the training images in cnnkit's extension, on one core.

    How the steps are grouped into calls never changes a bit.

    Args:
        architecture: the network; the published one has kernels of its own.
        split: the training images; all stay in memory as uint8.
        learning_rate: Adam's; the attribute may be set between epochs. Betas and epsilon are
            PyTorch's defaults.
        device: `auto` or `cpu`.
        state: where to begin: what `fresh_state` or `NativeEngine.state` returned.
        isa: the instruction set; None means the best, or the one that CNNKIT_ISA names.
        weight_decay: AdamW's; 0 is plain Adam.

    Raises:
        InputError: another device, an architecture beyond its sizes, or a label beyond the classes.
    """

    processes = 1

    def __init__(
        self,
        architecture: Architecture,
        split: Split,
        learning_rate: float,
        device: str,
        state: State,
        isa: str | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        choose_engine("native", device, architecture)
        self.architecture, self.isa = architecture, isa
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

        def vector(prefix: str) -> NDArray[np.float32]:
            names = architecture.parameter_shapes()
            return architecture.join({name: state[prefix + name] for name in names})

        self.trainer = _core.NetworkTrainer(
            np.ascontiguousarray(split.images),
            split.labels.astype(np.uint8),
            vector(PARAMETERS),
            vector(MEAN),
            vector(SQUARE),
            int(state[STEP][0]),
            isa,
            architecture.sizes,
        )
        self.steps_at_once = FEWEST_STEPS

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of parameters, Adam's moments and the number of steps."""
        *vectors, steps = self.trainer.state()
        arrays: dict[str, NDArray[np.float32]] = {STEP: np.array([steps], np.float32)}
        for prefix, vector in zip((PARAMETERS, MEAN, SQUARE), vectors, strict=True):
            for name, array in self.architecture.split(vector).items():
                arrays[prefix + name] = array
        return arrays

    def steps(self, order: NDArray[np.int64], batch_size: int) -> Iterator[tuple[list[float], int]]:
        """Train on the images in `order` int64 [N], some steps at a time.

        Yields their losses and how many images were answered rightly, all before each step. The
        last batch holds what is left over. A loss that is not finite is the last one, and its step
        is not made.
        """
        start = 0
        while start < len(order):
            end = start + self.steps_at_once * batch_size
            began = time.perf_counter()
            losses, right = self.trainer.train(
                order[start:end], batch_size, self.learning_rate, self.weight_decay
            )
            seconds = time.perf_counter() - began
            if seconds < FAST:
                self.steps_at_once = min(2 * self.steps_at_once, MOST_STEPS)
            elif seconds > SLOW:
                self.steps_at_once = max(self.steps_at_once // 2, 1)
            yield losses.tolist(), right
            start = end

    def agree(self, asked: bool) -> bool:
        """Return `asked`: nobody else has a say."""
        return asked

    def answer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W]."""
        network = _core.Network(self.trainer.state()[0], self.isa, self.architecture.sizes)
        return network.log_probabilities(np.ascontiguousarray(images))
