"""The native engine: training steps and predictions by cnnkit's extension, without PyTorch."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.graph.convnet import match
from cnnkit.runs.training_state import MEAN, PARAMETERS, SQUARE, STEP
from cnnkit.train.engines.base import PROBLEM, EngineSettings, Pixels, choose_engine

MIN_STEPS, MAX_STEPS = 8, 750  # per call into the extension
# Seconds that a call should take: short enough for a live progress bar and a prompt Ctrl-C.
FAST, SLOW = 0.02, 0.1


class NativeEngine:
    """A network, Adam and the training images in cnnkit's extension, on one core.

    The result does not depend on how the steps are grouped into calls, not even in the last bit.

    Args:
        settings: network, training images, initial state and hyperparameters.
        isa: the instruction set; None means the best one, or the one that CNNKIT_ISA names.

    Raises:
        InputError: a device or a network that it does not support, or a label out of range.
    """

    processes = 1

    def __init__(self, settings: EngineSettings, isa: str | None = None) -> None:
        split, state = settings.split, settings.state
        architecture = match(settings.graph, problem=PROBLEM).architecture
        choose_engine("native", settings.device, settings.graph)
        self.architecture, self.isa = architecture, isa
        self.learning_rate, self.weight_decay = settings.learning_rate, settings.weight_decay

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
            _loss_weights(settings, architecture.classes),
            settings.label_smoothing,
        )
        self.steps_per_call = MIN_STEPS

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the parameters, Adam's moments and the number of steps."""
        *vectors, steps = self.trainer.state()
        arrays: dict[str, NDArray[np.float32]] = {STEP: np.array([steps], np.float32)}
        for prefix, vector in zip((PARAMETERS, MEAN, SQUARE), vectors, strict=True):
            for name, array in self.architecture.split(vector).items():
                arrays[prefix + name] = array
        return arrays

    def steps(
        self, order: NDArray[np.int64], batch_size: int, pixels: Pixels | None = None
    ) -> Iterator[tuple[list[float], int]]:
        """Train on the images in `order` int64 [N], several steps per call; see `Engine.steps`.

        The update that belongs to a loss that is not finite is not made.
        """
        start = 0
        while start < len(order):
            end = start + self.steps_per_call * batch_size
            began = time.perf_counter()
            part = slice(start, min(end, len(order)))
            losses, correct = self.trainer.train(
                order[part],
                batch_size,
                self.learning_rate,
                self.weight_decay,
                None if pixels is None else pixels(part),
            )
            seconds = time.perf_counter() - began
            if seconds < FAST:
                self.steps_per_call = min(2 * self.steps_per_call, MAX_STEPS)
            elif seconds > SLOW:
                self.steps_per_call = max(self.steps_per_call // 2, 1)
            yield losses.tolist(), correct
            start = end

    def should_stop(self, requested: bool) -> bool:
        """Return `requested`: this is the only process."""
        return requested

    def log_probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W]."""
        network = _core.Network(self.trainer.state()[0], self.isa, self.architecture.sizes)
        return network.log_probabilities(np.ascontiguousarray(images))


def _loss_weights(settings: EngineSettings, classes: int) -> NDArray[np.float32] | None:
    """Return the classes' weights, or None for the plain negative log-likelihood."""
    if settings.class_weights is None and settings.label_smoothing:
        return np.ones(classes, np.float32)
    return settings.class_weights
