"""The network as a PyTorch module built from its `Architecture`: `Network()(images / 255)`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import match
from cnnkit.graph.graph import Graph


class Network(nn.Module):
    """Blocks of Conv2d → ReLU → MaxPool2d, then Linear and log-softmax.

    The initial parameters are `architecture.initial_parameters(seed)`: PyTorch's default
    distribution, drawn by NumPy, so that every engine starts from the same values. PyTorch's
    generator is not used.
    """

    def __init__(self, architecture: Architecture | None = None, seed: int = 0) -> None:
        super().__init__()
        self.architecture = architecture or Architecture()
        shapes = self.architecture.parameter_shapes()
        self.convs = nn.ModuleList()
        for i, block in enumerate(self.architecture.blocks):
            channels = shapes[f"convs.{i}.weight"][1]
            self.convs.append(
                nn.Conv2d(
                    channels, block.channels, block.kernel, padding=block.padding, device="meta"
                )
            )
        classes, features = shapes["linear.weight"]
        self.linear = nn.Linear(features, classes, device="meta")
        # In place of those on "meta", where PyTorch skips its initialisation. `to_empty` would do,
        # but takes most of a second the first time: it imports SymPy.
        start = self.architecture.initial_parameters(seed)
        self.load_state_dict({k: torch.tensor(v) for k, v in start.items()}, assign=True)

    def logits(self, x: Tensor) -> Tensor:
        """Return the scores before softmax, float32 [N, K], of images float32 [N, C, H, W]."""
        for conv, block in zip(self.convs, self.architecture.blocks, strict=True):
            x = F.max_pool2d(F.relu(conv(x)), block.pool)
        scores: Tensor = self.linear(x.flatten(1))
        return scores

    def forward(self, x: Tensor) -> Tensor:
        """Return log-probabilities float32 [N, K] of images float32 [N, C, H, W] in [0, 1]."""
        return F.log_softmax(self.logits(x), dim=1)

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy float32 arrays, by state-dict name, into the parameters."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(torch.from_numpy(np.ascontiguousarray(arrays[name])))

    def named(self) -> dict[str, Tensor]:
        """Return the parameters by state-dict name, in definition order."""
        return dict(self.named_parameters())

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the parameters by state-dict name, in definition order."""
        return {
            name: parameter.detach().cpu().contiguous().numpy().copy()
            for name, parameter in self.named_parameters()
        }


def network_from(graph: Graph) -> Network:
    """Return the network of a graph with its parameters, in eval mode.

    Raises:
        InputError: it is not of the family; the node is named.
    """
    architecture, tensors = match(graph, problem="cnnkit.nn has no module for")
    network = Network(architecture)
    network.load_arrays(tensors)
    return network.eval()
