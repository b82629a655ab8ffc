"""PyTorch as a peer in training: eager, channels-last, torch.compile, a simple script's loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.peers.torch_inference import WorkloadModule, check_compiler
from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.layers import LayersWorkload, make_module
from cnnkit.bench.workloads.training import LEARNING_RATE, STEPS, TrainingWorkload

Batches = Callable[[], Iterator[tuple[Tensor, Tensor]]]


def _loop(
    work: TrainingWorkload,
    threads: int,
    network: nn.Module,
    batches: Batches,
    fused: bool | None = None,
    step: Any = None,
    each: Callable[[Tensor], Any] = Tensor.detach,
) -> PreparedCall:
    """Return a call that makes all steps from the workload's weights.

    Args:
        work: the workload.
        threads: PyTorch's.
        network: the workload's, in any memory format.
        batches: yields (images, labels) of each step.
        fused: whether to use PyTorch's fused Adam instead of its default.
        step: returns the loss of (images, labels); uncompiled by default.
        each: applied to every step's loss.
    """
    torch.set_num_threads(threads)
    network.requires_grad_().train()
    start = [parameter.detach().clone() for parameter in network.parameters()]
    loss_of = nn.NLLLoss()
    adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=fused)
    step = step or (lambda images, labels: loss_of(network(images), labels))

    def run() -> list[Any]:
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

    return PreparedCall(run, lambda losses: np.array([float(loss) for loss in losses]))


def network_of(work: TrainingWorkload) -> nn.Module:
    """Return the network of a workload, with its first weights."""
    return make_module(work) if isinstance(work, LayersWorkload) else WorkloadModule(work)


def _in_memory(
    work: TrainingWorkload,
    layout: torch.memory_format = torch.contiguous_format,
) -> Batches:
    """Return batches that are tensors in memory, scaled beforehand."""
    images = torch.from_numpy(work.pixels()).contiguous(memory_format=layout)
    labels = torch.from_numpy(work.labels)
    steps = [slice(i, i + work.batch) for i in range(0, len(labels), work.batch)]
    pairs = [(images[step], labels[step]) for step in steps]
    return lambda: iter(pairs)


def eager(work: Workload, threads: int) -> PreparedCall:
    """Train modules as they are, with PyTorch's default Adam."""
    assert isinstance(work, TrainingWorkload)
    return _loop(work, threads, network_of(work), _in_memory(work))


def channels_last(work: Workload, threads: int) -> PreparedCall:
    """Train in channels-last memory format with the fused Adam, eager PyTorch's fastest way."""
    assert isinstance(work, TrainingWorkload)
    layout = torch.channels_last
    network = network_of(work).to(memory_format=layout)
    return _loop(work, threads, network, _in_memory(work, layout), fused=True)


def compiled(work: Workload, threads: int) -> PreparedCall:
    """Train with network and loss compiled, gradients included, and the fused Adam.

    Raises:
        MissingError: there is no C++ compiler.
    """
    assert isinstance(work, TrainingWorkload)
    check_compiler()
    torch.compiler.reset()
    network, loss_of = network_of(work), nn.NLLLoss()

    def step(images: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = loss_of(network(images), labels)
        return loss

    compiled_step = torch.compile(step, dynamic=False, fullgraph=True)
    return _loop(work, threads, network, _in_memory(work), fused=True, step=compiled_step)


class ImageDataset(torch.utils.data.Dataset[tuple[Any, int]]):
    """Images one by one, as torchvision's MNIST returns them: a PIL image, then its transform."""

    def __init__(self, work: TrainingWorkload) -> None:
        from torchvision import transforms

        pixels = work.x[:, 0] if work.x.shape[1] == 1 else work.x.transpose(0, 2, 3, 1)
        self.images, self.labels = np.ascontiguousarray(pixels), torch.from_numpy(work.labels)
        self.transform = transforms.ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        image = Image.fromarray(self.images[index])
        return self.transform(image), int(self.labels[index])


def script_loop(work: Workload, threads: int) -> PreparedCall:
    """Train as a simple script does: DataLoader over a Dataset with ToTensor, loss.item()."""
    assert isinstance(work, TrainingWorkload)
    loader = torch.utils.data.DataLoader(ImageDataset(work), batch_size=work.batch)
    assert len(loader) == STEPS
    return _loop(work, threads, network_of(work), lambda: iter(loader), each=Tensor.item)
