"""The convnet in an ONNX file, ours or another tool's: `read_convnet(path)`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.contract import check_held, check_names
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.onnx.reader import REMEDY, to_graph
from cnnkit.graph.convnet import match
from cnnkit.graph.graph import Graph
from cnnkit.graph.passes.inputs import split_input
from cnnkit.graph.pixels import RAW
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
    check_images(path, file)
    pixels, graph = split_input(_simplified(to_graph(path, file), metadata))
    architecture, tensors = match(graph, path)
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            reason = f"holds a parameter that is not finite ({name})"
            raise InputError(path, reason, "train it again, with a lower learning rate")
    if metadata:
        if pixels.dtype != contract.input_type(metadata) or not (
            pixels.as_is if pixels.dtype == "float32" else pixels == RAW or pixels.scales_bytes
        ):
            raise InputError(
                path, "scales pixels differently from what its metadata says", "export it again"
            )
        pixels = RAW
    weights = Weights(architecture, tensors, metadata, pixels)
    check_names(path, metadata, architecture)
    if metadata:
        check_held(path, metadata, weights.sha256)
    return weights


def _simplified(graph: Graph, metadata: Mapping[str, Any]) -> Graph:
    """Return a graph in the form that `match` knows, which files of ours have."""
    if metadata:
        return graph
    from cnnkit.graph.passes import canonical, simplify  # which files of ours do without

    return canonical(simplify(graph))


def check_images(path: Path, file: OnnxFile) -> None:
    """Raise InputError unless a file has one input, of images [N, C, H, W] of a fixed size."""
    if len(file.inputs) != 1:
        names = ", ".join(file.inputs)
        raise InputError(path, f"has {len(file.inputs)} inputs ({names}), not one", REMEDY)
    ((name, (dtype, sizes)),) = file.inputs.items()
    if dtype and sizes and len(sizes) != 4:
        shown = ", ".join(str(size or "free") for size in sizes)
        raise InputError(
            path,
            f"takes {dtype}[{shown}] at its input {name}, not images of [N, C, H, W]",
            f"export it with images as its input, or {REMEDY}",
        )
    if dtype and not sizes:
        raise InputError(
            path,
            f"does not say how large its images are: its input {name} has no shape",
            f"export it with a fixed image size, or {REMEDY}",
        )
