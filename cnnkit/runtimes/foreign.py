"""Other tools' ONNX files, for commands: `load_foreign(path, 1, "imagenet")(images).label`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.description import metadata
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.onnx.weights import read_classifier, read_weights
from cnnkit.formats.preprocess import read_names, read_record
from cnnkit.graph.classifier import SAY
from cnnkit.graph.weights import Weights
from cnnkit.models.said import Said
from cnnkit.ops.fused import isa
from cnnkit.runtimes.graphs import open_graph
from cnnkit.runtimes.model import Model
from cnnkit.runtimes.native import open_engine
from cnnkit.runtimes.pixels import feeder
from cnnkit.runtimes.prediction import Prediction


def is_foreign(path: Path) -> bool:
    """Tell whether an ONNX file is another tool's, by its metadata."""
    return contract.MARK not in read_onnx(path).metadata


def refuse_for_ours(path: object, preprocess: str | None, names: Path | None) -> None:
    """Raise InputError if something is said of a file of cnnkit's that it says itself."""
    for option, value in (("--preprocess", preprocess), ("--names", names)):
        if value is not None:
            raise InputError(
                option, f"is for models of others; {path} says it itself", "leave it out"
            )


def load_foreign(
    path: Path, threads: int, preprocess: str | None = None, names: Path | None = None
) -> Model:
    """Open another tool's file.

    Args:
        path: the file.
        threads: how many it may use.
        preprocess: what is done to raw pixels, as `cnnkit.formats.preprocess.read_record` has it;
            None if the file does it.
        names: a text file with the class names, one per line; None takes those in the file.

    Raises:
        InputError: it is no classifier of images, or nothing says how pixels are scaled.
    """
    weights = read_weights(path)
    try:
        weights.convnet  # noqa: B018 (it is read for what it raises)
    except InputError:
        weights, _ = read_classifier(path, Said(preprocess=preprocess).record)
        runtime, compiled = open_graph(weights.graph, path)
        feed: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray
    else:
        weights, feed = _of_family(path, weights, preprocess)
        runtime, compiled = f"cnnkit ({isa()})", open_engine(weights.graph, path)

    if names is not None:
        stated = {**weights.metadata, "names": read_names(names, weights.classes)}
        weights = replace(weights, metadata=stated)

    def run(images: NDArray[np.uint8]) -> Prediction:
        return Prediction(*compiled(feed(images), threads))

    known = {key: value for key, value in metadata(weights).items() if key != contract.MARK}
    signature = contract.signature(weights.graph)
    return Model(path, "onnx", runtime, known, weights, signature, run)


def _of_family(
    path: Path, weights: Weights, preprocess: str | None
) -> tuple[Weights, Callable[[NDArray[Any]], NDArray[Any]]]:
    """Return a network of the family, and what makes of raw pixels what its first layer takes."""
    pixels = weights.pixels
    if preprocess is None:
        if pixels.dtype.startswith("float") and not pixels.scales_bytes:
            reason = f"takes {pixels.dtype} and does not say how pixels are scaled"
            raise InputError(path, reason, f"{SAY}; in Python: cnnkit.load(path, scale=1/255)")
        return weights, feeder(pixels)
    if not pixels.dtype.startswith("float") or pixels.scales_bytes:
        raise InputError(path, "says itself how pixels are scaled", "leave --preprocess out")
    raw = read_record(preprocess, weights.size)
    stated = {**weights.metadata, "preprocessing": raw.to_json(scaled_inside=True)}
    return replace(weights, metadata=stated), feeder(pixels, raw)
