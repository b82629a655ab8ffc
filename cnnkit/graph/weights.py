"""A trained network: its shapes, its parameters, and what is known about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import build
from cnnkit.graph.graph import Graph
from cnnkit.graph.pixels import RAW, PixelInput


@dataclass(frozen=True)
class Weights:
    """A trained network: what it is, its parameters, and what is known about it.

    Attributes:
        architecture: the shapes.
        tensors: float32 arrays by PyTorch state-dict name, in definition order.
        metadata: JSON values: `names` (the K labels), `dataset`, `test_accuracy`, `training`.
        pixels: what the input of its file takes.
    """

    architecture: Architecture
    tensors: Mapping[str, NDArray[np.float32]]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pixels: PixelInput = RAW

    @property
    def sha256(self) -> str:
        """Digest of architecture and parameters: the network's identity in every format."""
        digest = hashlib.sha256(json.dumps(self.architecture.to_json()).encode())
        for name in self.architecture.parameter_shapes():
            digest.update(np.ascontiguousarray(self.tensors[name], dtype="<f4").tobytes())
        return digest.hexdigest()

    def graph(self, input: str = "uint8") -> Graph:
        """Return the network as a graph.

        Args:
            input: "uint8" for raw pixels, which the graph scales, or "float32" for pixels that are
                scaled to [0, 1] already.
        """
        return build(self.architecture, self.tensors, input)

    @property
    def names(self) -> list[str]:
        """The K class labels; the class numbers where none are known."""
        return list(self.metadata.get("names") or map(str, range(self.architecture.classes)))
