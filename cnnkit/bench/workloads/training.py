"""The suite `train`: the same steps from the same weights, on the same images in the same order.

A call makes all steps and starts again from the first weights each time, because a network's work
changes while it learns. The losses of all steps are verified.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.workloads.base import Float64, Workload
from cnnkit.bench.workloads.network import weights_of
from cnnkit.graph.architecture import PIXEL_SCALE

STEPS = 16  # in a call: enough for a clock, few enough for 41 rounds of slow peers
LEARNING_RATE = 1e-4  # the published one


@dataclass(frozen=True)
class TrainingWorkload(Workload):
    """Steps of Adam on the negative log-likelihood; `blocks` and `head` hold the first weights.

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
        """The number of images that a call takes: those of all steps."""
        return len(self.x)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The losses: [steps]."""
        return (STEPS,)

    @property
    def flop(self) -> int:
        """Nominal FLOP: forward, and as many for each gradient except that of the pixels."""
        return 3 * super().flop - self.block_flop()[0]

    @property
    def bytes(self) -> int:
        """Bytes that must be moved: pixels; in every step weights and two moments, in and out."""
        assert self.head is not None
        arrays = [a for block in self.blocks for a in (block.weight, block.bias) if a is not None]
        weights = sum(a.nbytes for a in (*arrays, self.head.weight, self.head.bias))
        return self.x.nbytes + STEPS * 6 * weights

    @cached_property
    def reference(self) -> Float64:
        """The losses [steps] in float64, by PyTorch's autograd and Adam."""
        return losses_in_float64(self)

    def pixels(self) -> NDArray[np.float32]:
        """Return the images as float32 in [0, 1]."""
        return self.x.astype(np.float32) * np.float32(PIXEL_SCALE)


def losses_in_float64(work: TrainingWorkload) -> Float64:
    """Return each step's loss [steps], computed in float64 with PyTorch's functions."""
    import torch
    from torch.nn import functional as F

    from cnnkit.ops.torch_op import three_operations

    tensors = {
        name: torch.from_numpy(array).double().requires_grad_()
        for name, array in weights_of(work).tensors.items()
    }
    adam = torch.optim.Adam(tensors.values(), lr=LEARNING_RATE)
    images, labels = torch.from_numpy(work.pixels()).double(), torch.from_numpy(work.labels)
    losses = []
    for start in range(0, len(images), work.batch):
        step = slice(start, start + work.batch)
        x = images[step]
        for i, block in enumerate(work.blocks):
            parameters = tensors[f"convs.{i}.weight"], tensors[f"convs.{i}.bias"]
            x = three_operations(x, *parameters, *map(list, block.parameters))
        logits = F.linear(x.flatten(1), tensors["linear.weight"], tensors["linear.bias"])
        loss: Any = F.cross_entropy(logits, labels[step])
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return np.array(losses)
