"""The native engine: training steps and predictions by cnnkit's extension, without PyTorch."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import match
from cnnkit.graph.learning import for_inference, with_tensors
from cnnkit.graph.sequence import Sequence, read_sequence
from cnnkit.runs.training_state import MEAN, PARAMETERS, SQUARE, STEP, parameters
from cnnkit.runtimes.native import open_engine
from cnnkit.system.cpu import usable_cores
from cnnkit.train.engines.base import PROBLEM, EngineSettings, Pixels, choose_engine

MIN_STEPS, MAX_STEPS = 8, 750  # per call into the extension
# Seconds that a call should take: short enough for a live progress bar and a prompt Ctrl-C.
FAST, SLOW = 0.02, 0.1
Vector = NDArray[np.float32]


class NativeEngine:
    """A network, Adam and the training images in cnnkit's extension.

    The published network trains on one core, others on all that may be used. The result depends
    neither on their number nor on how the steps are grouped into calls, not even in the last bit.

    Args:
        settings: network, training images, initial state and hyperparameters.
        isa: the instruction set; None means the best one, or the one that CNNKIT_ISA names.

    Raises:
        InputError: a device or a network that it does not support, or a label out of range.
    """

    processes = 1

    def __init__(self, settings: EngineSettings, isa: str | None = None) -> None:
        choose_engine("native", settings.device, settings.graph)
        self.settings, self.isa = settings, isa
        self.learning_rate, self.weight_decay = settings.learning_rate, settings.weight_decay
        self.threads = usable_threads()
        self.steps_per_call = MIN_STEPS
        self.architecture: Architecture | None = None
        try:
            self.architecture = match(settings.graph, problem=PROBLEM).architecture
        except InputError:
            self._open_layers(read_sequence(settings.graph))
        else:
            self._open_convnet(self.architecture)

    def _open_convnet(self, architecture: Architecture) -> None:
        self.shapes: dict[str, tuple[int, ...]] = architecture.parameter_shapes()
        self.statistics: tuple[str, ...] = ()
        loss = _loss_weights(self.settings, architecture.classes), self.settings.label_smoothing
        values, mean, square, steps = self._vectors()
        self.trainer: _core.Training = _core.NetworkTrainer(
            *self._examples(), values, mean, square, steps, self.isa, architecture.sizes, *loss
        )

    def _open_layers(self, sequence: Sequence) -> None:
        settings, state = self.settings, self.settings.state
        self.shapes = {name: state[PARAMETERS + name].shape for name in sequence.parameters}
        self.statistics = sequence.statistics
        running = [state[PARAMETERS + name] for name in self.statistics]
        values, mean, square, steps = self._vectors()
        self.trainer = _core.LayerTrainer(
            *self._examples(),
            values,
            mean,
            square,
            steps,
            np.concatenate([np.zeros(0, np.float32), *running]),
            [*map(tuple, sequence.layers)],
            sequence.size,
            sequence.classes,
            (sequence.mean, sequence.std),
            settings.seed,
            self.isa,
            _loss_weights(settings, sequence.classes),
            settings.label_smoothing,
        )

    def _examples(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        split = self.settings.split
        return np.ascontiguousarray(split.images), split.labels.astype(np.uint8)

    def _vectors(self) -> tuple[Vector, Vector, Vector, int]:
        """Return parameters, both of Adam's moments and the number of steps."""
        state = self.settings.state

        def vector(prefix: str) -> Vector:
            return np.concatenate([state[prefix + name].ravel() for name in self.shapes])

        return vector(PARAMETERS), vector(MEAN), vector(SQUARE), int(state[STEP][0])

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the parameters, Adam's moments and the number of steps."""
        *vectors, steps = self.trainer.state()
        arrays: dict[str, NDArray[np.float32]] = {STEP: np.array([steps], np.float32)}
        for prefix, vector in zip((PARAMETERS, MEAN, SQUARE), vectors, strict=True):
            ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()])
            parts = np.split(vector, ends[:-1])
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True):
                arrays[prefix + name] = part.reshape(shape).copy()
        if isinstance(self.trainer, _core.LayerTrainer) and self.statistics:
            sizes = [len(self.settings.state[PARAMETERS + name]) for name in self.statistics]
            running = np.split(self.trainer.statistics(), np.cumsum(sizes)[:-1])
            for name, values in zip(self.statistics, running, strict=True):
                arrays[PARAMETERS + name] = values.copy()
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
                self.threads,
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
        if self.architecture is not None:
            network = _core.Network(self.trainer.state()[0], self.isa, self.architecture.sizes)
            return network.log_probabilities(np.ascontiguousarray(images))
        trained = with_tensors(self.settings.graph, parameters(self.state()))
        logits = open_engine(for_inference(trained))(np.ascontiguousarray(images))[0]
        shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        return np.asarray(log_p, np.float32)


def usable_threads() -> int:
    """Return the number of usable cores, or OMP_NUM_THREADS where it is a smaller number."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(usable_cores())
    return min(cores, int(stated)) if stated.isdecimal() and int(stated) else cores


def _loss_weights(settings: EngineSettings, classes: int) -> NDArray[np.float32] | None:
    """Return the classes' weights, or None for the plain negative log-likelihood."""
    if settings.class_weights is None and settings.label_smoothing:
        return np.ones(classes, np.float32)
    return settings.class_weights
