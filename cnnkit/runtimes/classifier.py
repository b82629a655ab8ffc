"""A trained network in cnnkit's own engine: `cnnkit.load("mnist.onnx")(images).label`.

It needs NumPy and nothing else at work; ONNX files are read without the onnx package.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.formats.detect import detect
from cnnkit.formats.registry import TABLE
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.weights import Weights
from cnnkit.runs.find import find_weights
from cnnkit.runtimes.model import Prediction
from cnnkit.runtimes.native import engine

if TYPE_CHECKING:
    from cnnkit.runtimes.model import Model

OTHERS = ("onnxruntime", "torch")  # what `runtime` may be instead


@dataclass(frozen=True)
class Classifier:
    """A network in cnnkit's own engine; call it with images, from any thread.

    Attributes:
        path: the file that it came from.
        weights: architecture, parameters, and what the file says of them.
        threads: how many a call may use.
    """

    path: Path
    weights: Weights
    threads: int = 1
    _engine: _core.Network = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError("threads", f"is {self.threads}", "give at least 1")
        object.__setattr__(self, "_engine", engine(self.weights))

    def __reduce__(self) -> tuple[type[Classifier], tuple[Any, ...]]:  # the engine is built anew
        return type(self), tuple(getattr(self, item.name) for item in fields(self) if item.init)

    @property
    def architecture(self) -> Architecture:
        """The network's shapes."""
        return self.weights.architecture

    @property
    def names(self) -> list[str]:
        """The K class labels."""
        return self.weights.names

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the file says of the network."""
        return self.weights.metadata

    def __call__(self, images: NDArray[Any], out: Prediction | None = None) -> Prediction:
        """Classify images.

        Args:
            images: uint8, raw pixels, or float32 in [0, 1]; [N, C, H, W] or one image [C, H, W]; of
                one channel also [N, H, W] or [H, W]. Others than contiguous ones are copied.
            out: an earlier result of as many images, whose arrays are overwritten and returned.

        Raises:
            InputError: another type or shape, of images or of `out`.
        """
        return Prediction(*self._engine(np.ascontiguousarray(images), self.threads, out))


@overload
def load(
    path: str | os.PathLike[str], threads: int = 1, runtime: Literal["cnnkit"] = "cnnkit"
) -> Classifier: ...
@overload
def load(
    path: str | os.PathLike[str],
    threads: int = 1,
    *,
    runtime: Literal["onnxruntime", "torch"],
) -> Model: ...
def load(
    path: str | os.PathLike[str], threads: int = 1, runtime: str = "cnnkit"
) -> Classifier | Model:
    """Open an ONNX file, a C source, a weights file or a run folder as a function of images.

    Args:
        path: the file; its format is decided by its content. ONNX files of others are taken too,
            if they are a Conv-ReLU-MaxPool stack.
        threads: how many a call may use.
        runtime: "cnnkit", its own engine; or "onnxruntime" or "torch", what the users of an
            exported file have, which takes raw pixels [N, C, H, W] only.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, not a network of the family, or not for this runtime.
        MissingError: the runtime is not installed.
    """
    path = Path(path)
    form = detect(path)
    if runtime == "cnnkit":
        return Classifier(path, TABLE[form].read_weights(find_weights(path)), threads)
    if runtime not in OTHERS:
        known = ", ".join(["cnnkit", *OTHERS])
        raise InputError("runtime", f"is {runtime}", f"make it one of {known}")
    from cnnkit.runtimes import loader

    if form not in loader.RUNTIMES[runtime]:
        raise InputError(path, f"is not for {runtime} to read", "load it without runtime=")
    return loader.load(path, threads)
