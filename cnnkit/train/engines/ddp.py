"""PyTorch's engine in several processes, each with its share of every batch: DDP over gloo.

Every method is called by all processes at the same point of the training, and returns the same to
each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from cnnkit.data.dataset import Split
from cnnkit.errors import NetworkError
from cnnkit.graph.architecture import Architecture
from cnnkit.runs.training_state import State
from cnnkit.train.engines.pytorch import TorchEngine, to_pixels


@contextmanager
def together() -> Iterator[None]:
    """Surround what all processes have to do together.

    Raises:
        NetworkError: another one is gone.
    """
    try:
        yield
    except RuntimeError as error:
        raise NetworkError(
            "torchrun",
            f"another of its processes ended or cannot be reached ({str(error).splitlines()[0]})",
            "see what that one says; complete epochs are kept, and --resume goes on",
        ) from error


class DistributedEngine(TorchEngine):
    """`TorchEngine` for one of the processes of the initialised group; all on CPUs."""

    def __init__(
        self,
        architecture: Architecture,
        split: Split,
        learning_rate: float,
        device: str,
        state: State,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(architecture, split, learning_rate, device, state, weight_decay)
        self.rank, self.processes = distributed.get_rank(), distributed.get_world_size()
        with together():
            self.parallel = DistributedDataParallel(self.network)

    def step(self, batch: Tensor) -> tuple[float, int]:
        """Make one step on the images with the indices `batch` int64 [N]; see `steps`.

        A share may be smaller than another's, or empty: the sum of its losses over the size of the
        whole batch gives each image the same weight.
        """
        share = batch[self.rank :: self.processes]
        labels = self.labels[share]
        self.adam.zero_grad()
        with together():
            log_p = self.parallel(to_pixels(self.images[share]))
            loss = F.nll_loss(log_p, labels, reduction="sum") / len(batch)
            # DDP takes the mean over the processes.
            torch.autograd.backward(loss * self.processes)
        self.adam.step()
        right = (log_p.detach().argmax(1) == labels).sum()
        told = self._sum(torch.stack((loss.detach().double(), right.double())))
        return told[0].item(), int(told[1])

    def agree(self, asked: bool) -> bool:
        """Tell whether any process was asked to stop."""
        return bool(self._sum(torch.tensor(float(asked))))

    def answer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W]."""
        share = slice(self.rank, None, self.processes)
        answers = torch.zeros(len(images), self.network.architecture.classes)
        if len(images[share]):
            answers[share] = torch.from_numpy(super().answer(np.ascontiguousarray(images[share])))
        whole: NDArray[np.float32] = self._sum(answers).numpy()
        return whole

    def _sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        with together():
            distributed.all_reduce(values)
        return values
