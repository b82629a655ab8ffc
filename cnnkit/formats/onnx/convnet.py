"""The convnet in an ONNX file, ours or another tool's: `read_convnet(path)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cnnkit.formats import contract
from cnnkit.formats.contract import check_held, check_metadata
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.onnx.reader import to_graph
from cnnkit.graph.convnet import match
from cnnkit.graph.weights import Weights


def read_convnet(path: Path) -> Weights:
    """Read an ONNX file as a network of the family.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or has a node that has no place in the family, which is named.
    """
    file = read_onnx(path)
    metadata: dict[str, Any] = {}
    if contract.MARK in file.metadata:
        metadata = contract.decode(path, file.metadata, "an ONNX file")
    weights = Weights(*match(to_graph(path, file), path), metadata)
    check_metadata(path, metadata, weights.architecture)
    if metadata:
        check_held(path, metadata, weights.sha256)
    return weights
