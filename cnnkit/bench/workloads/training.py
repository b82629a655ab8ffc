"""The suite `train`: the same steps from the same weights, on the same images in the same order.

A call makes all of them and starts anew each time, since a network gets other work to do while it
learns. What is verified is the loss of every step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.workloads.base import Float64, Part, Workload
from cnnkit.graph.architecture import PIXEL_SCALE

if TYPE_CHECKING:
    from cnnkit.bench.peers.registry import Peer

STEPS = 16  # in a call: enough for a clock, few enough for 41 rounds of slow peers
LEARNING_RATE = 1e-4  # the published one


@dataclass(frozen=True)
class TrainWorkload(Workload):
    """Steps of Adam on the negative log-likelihood; `layers` and `head` are the first weights.

    Attributes:
        x: raw pixels uint8 [steps * N, C, H, W], in the order in which they are used.
        labels: int64 [steps * N].
    """

    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def batch(self) -> int:
        """N, the images of a step."""
        return len(self.x) // STEPS

    @property
    def images(self) -> int:
        """How many images a call takes: those of all steps."""
        return len(self.x)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The losses: [steps]."""
        return (STEPS,)

    @property
    def flop(self) -> int:
        """Nominal FLOP: forward, and as many for each gradient, without that of the pixels."""
        return 3 * super().flop - self.layer_flop()[0]

    @property
    def bytes(self) -> int:
        """Bytes that must be moved: pixels; in every step weights and two moments, in and out."""
        assert self.head is not None
        arrays = [a for layer in self.layers for a in (layer.weight, layer.bias) if a is not None]
        weights = sum(a.nbytes for a in (*arrays, self.head.weight, self.head.bias))
        return self.x.nbytes + STEPS * 6 * weights

    @cached_property
    def answer(self) -> Float64:
        """The losses of all steps, in float64, by PyTorch's autograd and Adam."""
        from cnnkit.bench.peers.torch_training import losses_in_float64

        return losses_in_float64(self)

    @property
    def peers(self) -> Mapping[str, Peer]:
        """Those that train."""
        from cnnkit.bench.peers.registry import TRAINERS

        return TRAINERS

    def parts(self) -> tuple[Part, ...]:
        """Return what the engine spends on each layer, forward and backward, and on Adam."""
        from cnnkit.bench.measure.breakdown import training_parts

        return training_parts(self)

    def pixels(self) -> NDArray[np.float32]:
        """Return the images as float32 in [0, 1]."""
        return self.x.astype(np.float32) * np.float32(PIXEL_SCALE)


def passing_features(work: TrainWorkload) -> float:
    """Return how many features of an image get a gradient: those that ReLU lets through."""
    features = work.features(work.x * PIXEL_SCALE)
    return float((features > 0).sum() / len(features))


def parameter_count(work: Workload) -> int:
    """Return the number of parameters."""
    assert work.head is not None
    arrays = [a for layer in work.layers for a in (layer.weight, layer.bias) if a is not None]
    return sum(math.prod(a.shape) for a in (*arrays, work.head.weight, work.head.bias))
