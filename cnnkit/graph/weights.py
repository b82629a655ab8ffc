"""A network as files hold it: its graph, with the weights in it, and what is known about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import CnnkitError, InputError
from cnnkit.graph import identity
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import LOGITS, build, match, with_raw_pixels
from cnnkit.graph.convnet_match import Convnet, image_size
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import learnt, with_tensors
from cnnkit.graph.normalisation import Normalisation, take_off
from cnnkit.graph.pixels import RAW, PixelInput
from cnnkit.graph.shapes import infer_types
from cnnkit.system.display import summary


@dataclass(frozen=True)
class Weights:
    """A network: what readers of files return, and writers take.

    Attributes:
        graph: what it computes.
        metadata: JSON values: `names` (the K labels), `dataset`, `test_accuracy`, `training`.
        pixels: what the input of its file takes; another tool's graph begins after that.
    """

    graph: Graph
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pixels: PixelInput = RAW

    def __repr__(self) -> str:
        return summary(self, self.shapes, str(self.metadata.get("dataset") or ""))

    @property
    def shapes(self) -> str:
        """Images, classes and parameters in a few words, for people."""
        try:
            ends = f"{'x'.join(map(str, self.size))} -> {self.classes} classes"
        except (CnnkitError, KeyError, IndexError):  # no classifier of images
            ends = f"{', '.join(map(str, self.graph.inputs.values()))} -> {self.graph.outputs}"
        numbers = sum(self.graph.tensors[name].size for name in learnt(self.graph))
        return f"{ends}, {numbers:,} parameters"

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        tensors: Mapping[str, NDArray[np.float32]],
        metadata: Mapping[str, Any] | None = None,
    ) -> Weights:
        """Return a network of the family; its graph takes raw pixels."""
        return cls(build(architecture, tensors), metadata or {})

    @cached_property
    def convnet(self) -> Convnet:
        """The network as one of the family.

        Raises:
            InputError: it is none; the node is named.
        """
        return match(self.graph)

    @property
    def is_family(self) -> bool:
        """Whether it is one of the family."""
        try:
            return bool(self.convnet)
        except InputError:
            return False

    @property
    def normalisation(self) -> Normalisation | None:
        """What the network does to pixels from 0 to 1 before its first layer."""
        return take_off(self.graph)[0]

    @cached_property
    def plain(self) -> Weights:
        """The same network without that."""
        normalisation, graph = take_off(self.graph)
        return self if normalisation is None else replace(self, graph=graph)

    @property
    def architecture(self) -> Architecture:
        """The family's shapes; raises InputError for another network."""
        return self.convnet.architecture

    @property
    def tensors(self) -> Mapping[str, NDArray[np.float32]]:
        """The family's parameters by PyTorch state-dict name; raises InputError as well."""
        return self.convnet.tensors

    @cached_property
    def sha256(self) -> str:
        """The network's identity in every format: of the family, a digest of its parameters."""
        try:
            architecture, tensors = self.convnet
        except InputError:
            return identity.sha256(_as_stored(with_raw_pixels(self.graph)))
        digest = hashlib.sha256(json.dumps(architecture.to_json()).encode())
        for name in architecture.parameter_shapes():
            digest.update(np.ascontiguousarray(tensors[name], dtype="<f4").tobytes())
        return digest.hexdigest()

    @property
    def size(self) -> tuple[int, int, int]:
        """C, H, W of an image."""
        return image_size(self.graph)

    @property
    def names(self) -> list[str]:
        """The K class labels; the class numbers where none are known."""
        return list(self.metadata.get("names") or map(str, range(self.classes)))

    @property
    def classes(self) -> int:
        """K, the number of logits."""
        try:
            return self.architecture.classes
        except InputError:
            return int(infer_types(self.graph)[LOGITS].shape[1])


def _as_stored(graph: Graph) -> Graph:
    """Return a graph as it comes back from a file, where float64 is float32."""
    wide = {name: a for name, a in graph.tensors.items() if a.dtype == np.float64}
    return with_tensors(graph, {name: array.astype(np.float32) for name, array in wide.items()})
