"""The network in an ONNX file, ours or another tool's: `read_weights(path).graph`."""

from __future__ import annotations

from pathlib import Path

from cnnkit.formats import contract
from cnnkit.formats.contract import check_held, check_names
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.onnx.reader import to_graph
from cnnkit.graph.weights import Weights


def read_weights(path: Path) -> Weights:
    """Read an ONNX file.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or has a node that cnnkit does not know, which is named.
    """
    file = read_onnx(path)
    graph = to_graph(path, file)
    if contract.MARK not in file.metadata:
        return Weights(graph)
    weights = Weights(graph, contract.decode(path, file.metadata, "an ONNX file"))
    check_held(path, weights.metadata, weights.sha256)
    check_names(path, weights.metadata, weights.architecture)
    return weights
