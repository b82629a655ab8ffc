"""A graph of the contract as a classifier to be trained: `GraphClassifier(graph)(images)`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import learnt, statistics
from cnnkit.nn.graphs.module import GraphModule


class GraphClassifier(nn.Module):
    """Log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W].

    Args:
        graph: it takes uint8 images, and has the contract's outputs.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.module = GraphModule(graph)

    def logits(self, images: Tensor) -> Tensor:
        """Return the scores before softmax, float32 [N, K]."""
        shown = images.contiguous(memory_format=torch.channels_last)
        return self.module.values(shown, wanted=(LOGITS,))[0]

    def forward(self, images: Tensor) -> Tensor:
        """Return log-probabilities."""
        return torch.log_softmax(self.logits(images), dim=1)

    def named(self) -> dict[str, Tensor]:
        """Return parameters and running statistics by their names in the graph."""
        graph = self.module.graph
        names = (*learnt(graph), *statistics(graph))
        return {name: getattr(self.module, self.module.keys[name]) for name in names}

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy arrays, by the graph's names, into parameters and running statistics."""
        self.module.load_arrays(arrays)
