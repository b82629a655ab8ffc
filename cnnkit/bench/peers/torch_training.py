"""PyTorch as a peer in training: eager, channels-last, torch.compile, and the loop of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnnkit.bench.peers.ready import Ready
from cnnkit.bench.peers.torch_inference import Stack, check_compiler
from cnnkit.bench.workloads.base import Float64, Workload
from cnnkit.bench.workloads.training import LEARNING_RATE, STEPS, TrainWorkload

Batches = Callable[[], Iterator[tuple[Tensor, Tensor]]]


def losses_in_float64(work: TrainWorkload) -> Float64:
    """Return each step's loss [steps] in float64."""
    threads = torch.get_num_threads()
    run = _loop(work, threads, Stack(work).double(), _in_memory(work, torch.float64))
    return np.asarray(run.read(run.call()), np.float64)


def _loop(
    work: TrainWorkload,
    threads: int,
    network: nn.Module,
    batches: Batches,
    fused: bool | None = None,
    step: Any = None,
    each: Callable[[Tensor], Any] = Tensor.detach,
) -> Ready:
    """Return a call that makes all steps from the workload's weights.

    Args:
        work: the workload.
        threads: of PyTorch.
        network: a Stack of the workload, in whatever precision and layout.
        batches: gives (images, labels) of one step after another.
        fused: PyTorch's fused Adam instead of its default.
        step: loss of (images, labels); the plain one by default.
        each: what is done with a step's loss.
    """
    torch.set_num_threads(threads)
    network.requires_grad_().train()
    start = [parameter.detach().clone() for parameter in network.parameters()]
    loss_of = nn.NLLLoss()
    adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=fused)
    step = step or (lambda images, labels: loss_of(network(images), labels))

    def call() -> list[Any]:
        with torch.no_grad():
            for parameter, values in zip(network.parameters(), start, strict=True):
                parameter.copy_(values)
        adam.state.clear()
        losses = []
        for images, labels in batches():
            adam.zero_grad()
            loss = step(images, labels)
            loss.backward()
            adam.step()
            losses.append(each(loss))
        return losses

    return Ready(call, lambda losses: np.array([float(loss) for loss in losses]))


def _in_memory(
    work: TrainWorkload,
    dtype: torch.dtype = torch.float32,
    order: torch.memory_format = torch.contiguous_format,
) -> Batches:
    """Return batches that lie in memory as tensors, scaled beforehand."""
    images = torch.from_numpy(work.pixels()).to(dtype).contiguous(memory_format=order)
    labels = torch.from_numpy(work.labels)
    steps = [slice(i, i + work.batch) for i in range(0, len(labels), work.batch)]
    pairs = [(images[step], labels[step]) for step in steps]
    return lambda: iter(pairs)


def eager(work: Workload, threads: int) -> Ready:
    """Train modules as they are, with PyTorch's default Adam."""
    assert isinstance(work, TrainWorkload)
    return _loop(work, threads, Stack(work), _in_memory(work))


def channels_last(work: Workload, threads: int) -> Ready:
    """Train in channels-last order with the fused Adam: eager PyTorch's best."""
    assert isinstance(work, TrainWorkload)
    order = torch.channels_last
    network = Stack(work).to(memory_format=order)
    return _loop(work, threads, network, _in_memory(work, order=order), fused=True)


def compiled(work: Workload, threads: int) -> Ready:
    """Train with network and loss compiled, gradients included, and the fused Adam.

    Raises:
        MissingError: there is no C++ compiler.
    """
    assert isinstance(work, TrainWorkload)
    check_compiler()
    torch.compiler.reset()
    network, loss_of = Stack(work), nn.NLLLoss()

    def step(images: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = loss_of(network(images), labels)
        return loss

    compiled_step = torch.compile(step, dynamic=False, fullgraph=True)
    return _loop(work, threads, network, _in_memory(work), fused=True, step=compiled_step)


class Digits(torch.utils.data.Dataset[tuple[Any, int]]):
    """Images one by one, as torchvision's MNIST gives them: a picture, then its transform."""

    def __init__(self, work: TrainWorkload) -> None:
        from torchvision import transforms

        self.images, self.labels = torch.from_numpy(work.x[:, 0]), torch.from_numpy(work.labels)
        self.transform = transforms.ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        picture = Image.fromarray(self.images[index].numpy())
        return self.transform(picture), int(self.labels[index])


def report_loop(work: Workload, threads: int) -> Ready:
    """Train as a course report would: DataLoader over a Dataset with ToTensor, loss.item()."""
    assert isinstance(work, TrainWorkload)
    loader = torch.utils.data.DataLoader(Digits(work), batch_size=work.batch)
    assert len(loader) == STEPS
    return _loop(work, threads, Stack(work), lambda: iter(loader), each=Tensor.item)
