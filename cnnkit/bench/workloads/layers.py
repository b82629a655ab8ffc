"""Training of a network with several linear layers, which the blocks of a workload cannot say."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cnnkit.bench.workloads.base import Float64
from cnnkit.bench.workloads.training import LEARNING_RATE, STEPS, TrainingWorkload
from cnnkit.graph.costs import costs
from cnnkit.graph.graph import Graph
from cnnkit.graph.sequence import Layer, Sequence, read_sequence

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class LayersWorkload(TrainingWorkload):
    """Steps of Adam on a sequence of layers.

    Attributes:
        graph: with the contract's input and outputs, and the first weights.
    """

    graph: Graph

    @cached_property
    def sequence(self) -> Sequence:
        """The graph as a list of layers."""
        return read_sequence(self.graph)

    @cached_property
    def flop(self) -> int:
        """Nominal FLOP: forward, and as many for each gradient except that of the pixels."""
        work = [cost.macc for cost in costs(self.graph) if cost.macc]
        return 2 * len(self.x) * (3 * sum(work) - work[0])

    @property
    def bytes(self) -> int:
        """Bytes that must be moved: pixels; in every step weights and two moments, in and out."""
        weights = sum(self.graph.tensors[name].nbytes for name in self.sequence.parameters)
        return self.x.nbytes + STEPS * 6 * weights

    @cached_property
    def reference(self) -> Float64:
        """The losses [steps] in float64, by PyTorch's autograd and Adam."""
        import torch
        from torch.nn import functional as F

        network = make_module(self).double()
        adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        images, labels = torch.from_numpy(self.pixels()).double(), torch.from_numpy(self.labels)
        losses = []
        for start in range(0, len(images), self.batch):
            step = slice(start, start + self.batch)
            loss = F.nll_loss(network(images[step]), labels[step])
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
            losses.append(loss.item())
        return np.array(losses)


def make_module(work: LayersWorkload) -> nn.Module:
    """Return the network as a user of PyTorch would write it, with log-probabilities."""
    import torch
    from torch import nn

    def convolution(layer: Layer, inputs: int) -> nn.Module:
        channels, kernel_h, kernel_w, stride_h, stride_w, above, left, _, _, bias = layer.sizes
        kernel, stride = (kernel_h, kernel_w), (stride_h, stride_w)
        return nn.Conv2d(inputs, channels, kernel, stride, (above, left), bias=bool(bias))

    tensors = iter([work.graph.tensors[name] for name in work.sequence.parameters])
    modules: list[nn.Module] = []
    flat = False
    for layer in work.sequence.layers:
        if layer.kind == "linear" and not flat:
            modules.append(nn.Flatten())
            flat = True
        if layer.kind == "relu":
            modules.append(nn.ReLU())
            continue
        if layer.kind == "max_pool":
            modules.append(nn.MaxPool2d(layer.sizes[:2], layer.sizes[2:4], layer.sizes[4:6]))
            continue
        weight, bias = itertools.islice(tensors, 2)
        inputs = weight.shape[1]
        module = nn.Linear(inputs, len(weight)) if flat else convolution(layer, inputs)
        with torch.no_grad():
            for parameter, values in zip(module.parameters(), (weight, bias), strict=True):
                parameter.copy_(torch.from_numpy(values))
        modules.append(module)
    return nn.Sequential(*modules, nn.LogSoftmax(1))
