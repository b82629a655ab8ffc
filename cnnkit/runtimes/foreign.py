"""Other tools' ONNX files in cnnkit's own engine, for commands: `load_foreign(path).label`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.description import metadata
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.onnx.weights import read_weights
from cnnkit.ops.fused import isa
from cnnkit.runtimes.model import Model
from cnnkit.runtimes.native import open_engine
from cnnkit.runtimes.pixels import feeder
from cnnkit.runtimes.prediction import Prediction


def is_foreign(path: Path) -> bool:
    """Tell whether an ONNX file is another tool's, by its metadata."""
    return contract.MARK not in read_onnx(path).metadata


def load_foreign(path: Path, threads: int) -> Model:
    """Open another tool's file that takes raw pixels.

    Raises:
        InputError: it is not a network of the family, or does not say how pixels are scaled.
    """
    weights = read_weights(path)
    pixels = weights.pixels
    if pixels.dtype.startswith("float") and not pixels.scales_bytes:
        raise InputError(
            path,
            f"takes {pixels.dtype} and does not say how pixels are scaled",
            "run it from Python: cnnkit.load(path, scale=1/255), with mean= and std= if it was "
            "trained with them",
        )
    feed, compiled = feeder(pixels), open_engine(weights.graph, path)

    def run(images: NDArray[np.uint8]) -> Prediction:
        return Prediction(*compiled(feed(images), threads))

    known = {key: value for key, value in metadata(weights).items() if key != contract.MARK}
    signature = contract.signature(weights.graph)
    return Model(path, "onnx", f"cnnkit ({isa()})", known, weights, signature, run)
