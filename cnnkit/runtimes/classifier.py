"""A trained network in cnnkit's own engine: `cnnkit.load("mnist.onnx")(images).label`.

It needs NumPy and nothing else at work; ONNX files are read without the onnx package.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats.detect import detect
from cnnkit.formats.registry import TABLE
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.carried import refuse_carried
from cnnkit.graph.classifier import with_heads
from cnnkit.graph.convnet import OUTPUTS
from cnnkit.graph.graph import Graph
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.weights import Weights
from cnnkit.runs.find import find_weights
from cnnkit.runtimes.describe import describe_model
from cnnkit.runtimes.native import FLOAT, Engine, engine_name, open_engine, prepare
from cnnkit.runtimes.pixels import as_images, feeder
from cnnkit.runtimes.prediction import Prediction
from cnnkit.system.display import summary

if TYPE_CHECKING:
    from cnnkit.runtimes.model import Model

OTHERS = ("onnxruntime", "torch")  # what `runtime` may be instead


@dataclass(frozen=True)
class Classifier:
    """A network in cnnkit's own engine; call it with images, from any thread.

    Attributes:
        path: the file that it came from.
        weights: the network after the passes, and what the file says of it.
        threads: how many a call may use.
        preprocessing: what is done to raw pixels, where the file does not say it.
    """

    path: Path
    weights: Weights
    threads: int = 1
    preprocessing: Preprocessing | None = None
    _feed: Callable[[NDArray[Any]], NDArray[Any]] = field(init=False, repr=False, compare=False)
    _engine: Engine = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError("threads", f"is {self.threads}", "give at least 1")
        (taken,) = self.weights.graph.inputs.values()
        feed = feeder(self.weights.pixels, self.preprocessing, taken.dtype)
        object.__setattr__(self, "_feed", feed)
        object.__setattr__(self, "_engine", _open(self.weights.graph, self.path))

    def __reduce__(self) -> tuple[type[Classifier], tuple[Any, ...]]:  # the engine is built anew
        return type(self), tuple(getattr(self, item.name) for item in fields(self) if item.init)

    def __repr__(self) -> str:
        threads = f"threads={self.threads}" if self.threads > 1 else ""
        engine = "" if self.engine == FLOAT else self.engine
        return summary(self, repr(str(self.path)), self.weights.shapes, threads, engine)

    def _repr_html_(self) -> str:
        runtime = "cnnkit" if self.engine == FLOAT else f"cnnkit, {self.engine}"
        return describe_model(self.path, runtime, self.weights)

    @property
    def engine(self) -> str:
        """What computes: "float32"; "int8" and the instructions; or the slow "reference"."""
        return engine_name(self._engine)

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
            images: uint8, raw pixels, or float32 in [0, 1], or what another tool's file takes;
                [N, C, H, W] or one image [C, H, W]; of one channel also [N, H, W] or [H, W]. Others
                than contiguous ones are copied.
            out: an earlier result of as many images, whose arrays are overwritten and returned.

        Raises:
            InputError: another type, range or shape, of images or of `out`.
        """
        pixels = self._feed(as_images(images))
        return Prediction(*self._engine(pixels, self.threads, out))


def _open(graph: Graph, path: Path) -> Engine:
    """Open an engine for a network; for one that none takes, the reference, which is slow."""
    try:
        return open_engine(graph, path)
    except InputError:
        if graph.outputs != OUTPUTS:
            with_heads(graph, path)  # which says why it is no classifier
            raise
        from cnnkit.runtimes.interpreted import interpret

        return interpret(graph)


@overload
def load(
    path: str | os.PathLike[str],
    threads: int = 1,
    runtime: Literal["cnnkit"] = "cnnkit",
    *,
    scale: float | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
) -> Classifier: ...
@overload
def load(
    path: str | os.PathLike[str],
    threads: int = 1,
    *,
    runtime: Literal["onnxruntime", "torch"],
) -> Model: ...
def load(
    path: str | os.PathLike[str],
    threads: int = 1,
    runtime: str = "cnnkit",
    *,
    scale: float | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
) -> Classifier | Model:
    """Open an ONNX file, a C source, a weights file or a run folder as a function of images.

    Args:
        path: the file; its format is decided by its content. ONNX files of others are taken too,
            if they classify images; what no engine takes is computed by the float64 reference,
            which is right and slow.
        threads: how many a call may use.
        runtime: "cnnkit", its own engine; or "onnxruntime" or "torch", what the users of an
            exported file have, which takes raw pixels [N, C, H, W] only.
        scale: with which raw uint8 pixels become (x * scale - mean) / std, for a file of another
            tool that takes floating point and does not say how pixels are scaled. Without scale,
            mean and std, such a file takes no raw pixels; with one of them, scale is 1/255.
        mean: one number, or one for each channel; 0 by default.
        std: likewise; 1 by default.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, no classifier of images, or not for this runtime.
        MissingError: the runtime is not installed.
    """
    path = Path(path)
    form = detect(path)
    if runtime == "cnnkit":
        weights = TABLE[form].read_weights(find_weights(path))
        refuse_carried(weights.graph, path)
        weights = replace(weights, graph=prepare(weights.graph))
        return Classifier(path, weights, threads, _preprocessing(path, weights, scale, mean, std))
    if (scale, mean, std) != (None, None, None):
        raise InputError("scale, mean and std", "are for cnnkit's own engine", "leave them out")
    if runtime not in OTHERS:
        known = ", ".join(["cnnkit", *OTHERS])
        raise InputError("runtime", f"is {runtime}", f"make it one of {known}")
    from cnnkit.runtimes import loader
    from cnnkit.runtimes.foreign import is_foreign

    if form not in loader.RUNTIMES[runtime]:
        pytorchs = form in loader.RUNTIMES["torch"]
        remedy = 'load it with runtime="torch"' if pytorchs else "load it without runtime="
        raise InputError(path, f"is not for {runtime} to read", remedy)
    if form == "onnx" and is_foreign(path):
        raise InputError(
            path,
            "is another tool's file, of which cnnkit does not know the names of the outputs",
            "load it without runtime=, or run it with onnxruntime.InferenceSession",
        )
    return loader.load(path, threads)


def _preprocessing(
    path: Path,
    weights: Weights,
    scale: float | None,
    mean: float | Sequence[float] | None,
    std: float | Sequence[float] | None,
) -> Preprocessing | None:
    """Return what is to be done to raw pixels; None if nothing is said of it."""
    if (scale, mean, std) == (None, None, None):
        return None
    if not weights.pixels.dtype.startswith("float") or weights.pixels.scales_bytes:
        raise InputError(
            path, "says itself how pixels are scaled", "leave scale=, mean= and std= out"
        )
    record, channels = Preprocessing.of(weights.size), weights.size[0]
    return replace(
        record,
        scale=PIXEL_SCALE if scale is None else _numbers("scale", scale, 1)[0],
        mean=record.mean if mean is None else _numbers("mean", mean, channels),
        std=record.std if std is None else _numbers("std", std, channels),
    )


def _numbers(name: str, given: float | Sequence[float], count: int) -> tuple[float, ...]:
    """Return one finite number for each channel; only a mean may be zero."""
    numbers = np.asarray(given, np.float64).ravel()
    good = numbers.size in (1, count) and np.isfinite(numbers).all()
    if not good or (name != "mean" and not numbers.all()):
        zero = "" if name == "mean" else " other than 0"
        each = f", or {count}, one for each channel" if count > 1 else ""
        raise InputError(f"{name}={given}", "does not fit", f"give a finite number{zero}{each}")
    return tuple(np.broadcast_to(numbers, (count,)).tolist())
