"""A model made callable: `model(images).label`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.contract import check_metadata
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.layout import LAST, NHWC
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.describe import describe_model
from cnnkit.runtimes.pixels import as_images
from cnnkit.runtimes.prediction import Prediction
from cnnkit.system.display import summary

Run = Callable[[NDArray[np.uint8]], Prediction]


@dataclass(frozen=True)
class Model:
    """An artefact in its runtime; call it with images.

    Attributes:
        path: the file.
        format: a row of `cnnkit.export.FORMATS`, or "weights".
        runtime: what executes it, with its version ("onnxruntime 1.32.0").
        metadata: the JSON values of the export contract.
        weights: the network as found in the artefact.
        declared: type and shape of input and outputs by name, as the runtime states them.
        notes: what the file says of itself beyond the contract (opset, IR version).
        run: the runtime itself, without checks.
    """

    path: Path
    format: str
    runtime: str
    metadata: dict[str, Any]
    weights: Weights
    declared: dict[str, str]
    run: Run
    notes: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return summary(self, repr(str(self.path)), self.weights.shapes, self.runtime)

    def _repr_html_(self) -> str:
        return describe_model(self.path, self.runtime, self.weights)

    @property
    def architecture(self) -> Architecture:
        """The network's shapes."""
        return self.weights.architecture

    @property
    def names(self) -> list[str]:
        """The K class labels."""
        return list(self.metadata["names"])

    @property
    def weights_sha256(self) -> str:
        """Digest of the parameters that are in the artefact."""
        return self.weights.sha256

    @property
    def intact(self) -> bool:
        """Whether the artefact holds the tensors that its metadata tell of."""
        return self.digest == contract.stated_digest(self.metadata)

    @property
    def digest(self) -> str:
        """SHA-256 of what is in the artefact: of all tensors if quantised, else of the weights."""
        return str(self.notes.get("tensors_sha256", self.weights_sha256))

    def __call__(self, images: NDArray[np.uint8]) -> Prediction:
        """Classify raw pixels, uint8 [N, C, H, W].

        Raises:
            InputError: `images` has another type or shape.
        """
        shape, images = self.weights.size, as_images(images)
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            raise InputError(
                "images",
                f"is {images.dtype}{list(images.shape)}, not uint8[N, {str(list(shape))[1:]}",
                "pass raw pixels from 0 to 255, as the dataset has them",
            )
        return self.run(images)


def feeder(metadata: Mapping[str, Any]) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """Return what makes of raw pixels [N, C, H, W] what an artefact takes.

    That is themselves, with the channels last, or float32 in [0, 1].
    """
    input = contract.input_type(metadata)
    if input == "uint8":
        return lambda images: images
    if input == NHWC:
        return lambda images: np.ascontiguousarray(images.transpose(LAST))
    return lambda images: images * np.float32(PIXEL_SCALE)


def held_weights(path: Path, metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Weights:
    """Return the network whose parameters an artefact holds.

    Raises:
        InputError: a parameter is missing or has another type or shape, or a class has no name.
    """
    architecture = Architecture.from_json(metadata.get("cnnkit.architecture"), path)
    check_metadata(path, metadata, architecture.classes)
    shapes = architecture.parameter_shapes()
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape or arrays[name].dtype != np.float32:
            raise InputError(
                path, f"holds no parameter {name} of float32{list(shape)}", "export it again"
            )
    return Weights.of(architecture, arrays, metadata)
