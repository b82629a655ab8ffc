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


@dataclass(frozen=True)
class Weights:
    """A trained network: what it is, its parameters, and what is known about it.

    Attributes:
        architecture: the shapes.
        tensors: float32 arrays by PyTorch state-dict name, in definition order.
        metadata: JSON values: `names` (the K labels), `dataset`, `test_accuracy`, `training`.
    """

    architecture: Architecture
    tensors: Mapping[str, NDArray[np.float32]]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Digest of architecture and parameters: the network's identity in every format."""
        digest = hashlib.sha256(json.dumps(self.architecture.to_json()).encode())
        for name in self.architecture.parameter_shapes():
            digest.update(np.ascontiguousarray(self.tensors[name], dtype="<f4").tobytes())
        return digest.hexdigest()

    @property
    def names(self) -> list[str]:
        """The K class labels; the class numbers where none are known."""
        return list(self.metadata.get("names") or map(str, range(self.architecture.classes)))
