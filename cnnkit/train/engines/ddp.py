"""The PyTorch engine in several processes, each with its share of every batch, over gloo.

All processes call every method at the same point of the training and get the same result. PyTorch's
DistributedDataParallel does this, too, but loads the compiler of PyTorch first, for two seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed
from torch.nn import functional as F

from cnnkit.errors import InputError, NetworkError
from cnnkit.graph.learning import statistics
from cnnkit.train.engines.base import EngineSettings, Pixels
from cnnkit.train.engines.pytorch import TorchEngine


@contextmanager
def collective() -> Iterator[None]:
    """Surround a collective operation, in which all processes take part.

    Raises:
        NetworkError: another process ended or cannot be reached.
    """
    try:
        yield
    except RuntimeError as error:
        raise NetworkError(
            "torchrun",
            f"another of its processes ended or cannot be reached ({str(error).splitlines()[0]})",
            "see that process's error; complete epochs are kept, continue with --resume",
        ) from error


class DistributedEngine(TorchEngine):
    """`TorchEngine` for one process of the initialised process group; all run on CPUs."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        if statistics(settings.graph):
            raise InputError(
                "torchrun",
                "would normalise each process's share of a batch by itself",
                "train this network in one process, without torchrun",
            )
        self.rank, self.processes = distributed.get_rank(), distributed.get_world_size()

    def step(self, batch: Tensor, start: int, pixels: Pixels | None) -> tuple[float, int]:
        """Train on the images with indices `batch` int64 [N]; return loss and number correct.

        Shares may differ in size, and the last ones may be empty: dividing the sum of a share's
        losses by the size of the whole batch gives every image the same weight.
        """
        share = batch[self.rank :: self.processes]
        labels = self.labels[share]
        self.optimizer.zero_grad()
        part = slice(start + self.rank, start + len(batch), self.processes)
        log_p = self.network(self.feed(self.shown(share, pixels, part)))
        if self.plain:
            loss = F.nll_loss(log_p, labels, reduction="sum") / len(batch)
        else:
            loss = self.loss(log_p, labels, self.labels[batch])
        torch.autograd.backward(loss)
        self._add_gradients()
        self.optimizer.step()
        correct = (log_p.detach().argmax(1) == labels).sum()
        total = self._all_reduce(torch.stack((loss.detach().double(), correct.double())))
        return total[0].item(), int(total[1])

    def _add_gradients(self) -> None:
        """Give every process the sum of all gradients, in one message."""
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        whole = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        total = self._all_reduce(torch.cat([gradient.flatten() for gradient in whole]))
        parts = torch.split(total, [p.numel() for p in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def should_stop(self, requested: bool) -> bool:
        """Return whether a stop was requested in any process."""
        return bool(self._all_reduce(torch.tensor(float(requested))))

    def log_probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W]."""
        share = slice(self.rank, None, self.processes)
        log_p = torch.zeros(len(images), self.classes)
        if len(images[share]):
            ours = super().log_probabilities(np.ascontiguousarray(images[share]))
            log_p[share] = torch.from_numpy(ours)
        whole: NDArray[np.float32] = self._all_reduce(log_p).numpy()
        return whole

    def _all_reduce(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, computed in place."""
        with collective():
            distributed.all_reduce(values)
        return values
