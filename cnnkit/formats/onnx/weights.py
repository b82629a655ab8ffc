"""The network in an ONNX file, ours or another tool's: `read_weights(path).graph`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.contract import check_held, check_metadata, check_normalisation
from cnnkit.formats.onnx.carrying import bare
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.onnx.reader import REMEDY, to_graph
from cnnkit.formats.preprocess import names_in
from cnnkit.graph import passes
from cnnkit.graph.axes import image_size
from cnnkit.graph.batch import frozen_batch
from cnnkit.graph.carried import carry
from cnnkit.graph.classifier import as_classifier, record_of, with_heads
from cnnkit.graph.convnet import LOGITS, OUTPUTS, match
from cnnkit.graph.graph import Graph
from cnnkit.graph.layout import NHWC, channels_first
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.weights import Weights
from cnnkit.system.files import read_bytes

LAYERS = (
    "Conv",
    "ConvTranspose",
    "Gemm",
    "MatMul",
    "BatchNormalization",
    "PRelu",
)  # whose constants are parameters


def read_weights(path: Path) -> Weights:
    """Read an ONNX file.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or has a node that cnnkit does not know, which is named.
    """
    file = read_onnx(path)
    if contract.MARK in file.metadata:
        return _ours(path, file, contract.decode(path, file.metadata, "an ONNX file"))
    check_images(path, file)
    graph = to_graph(path, file)
    check_finite(path, graph)  # by the file's own names
    graph = passes.canonical(passes.simplify(graph))
    check_finite(path, graph)  # of what was folded
    pixels, graph = passes.split_input(graph)
    try:
        match(graph)
    except InputError:
        with suppress(InputError):  # what it is then comes out when it is to be run
            graph = with_heads(graph, path)
    return Weights(graph, _named(file, graph), pixels)


def read_classifier(
    path: Path, record_for: Callable[[tuple[int, int, int]], Preprocessing | None]
) -> tuple[Weights, int | None]:
    """Read another tool's ONNX file as a network with the contract's input and outputs.

    Returns it, and the number of images that the file is frozen at, None if that is free.

    Args:
        path: the file.
        record_for: returns what is done to raw pixels, given C, H and W of an image; None if the
            file scales them itself.

    Raises:
        StorageError: the file cannot be read.
        InputError: as `read_weights`, or it is no classifier of images, or nothing says what its
            pixels mean.
    """
    file = read_onnx(path)
    check_images(path, file)
    graph = plain_graph(path, file)
    check_finite(path, graph)
    record = record_for(image_size(graph))
    whole = as_classifier(graph, record, path)
    stated = record_of(whole, record).to_json(scaled_inside=True)
    named = {**_named(file, whole), "preprocessing": stated}
    return Weights(whole, named), frozen_batch(graph)


def plain_graph(path: Path, file: OnnxFile) -> Graph:
    """Return what a file computes, without what does nothing at inference."""
    return passes.idle_free(to_graph(path, file))


def _named(file: OnnxFile, graph: Graph) -> dict[str, Any]:
    """Return the class names of a file, where it has them."""
    types = infer_types(graph)
    classes = types[LOGITS].shape[1] if LOGITS in types else 0
    names = names_in(file.metadata, int(classes)) if graph.outputs == OUTPUTS else None
    return {"names": names} if names else {}


def _ours(path: Path, file: OnnxFile, metadata: Mapping[str, Any]) -> Weights:
    if contract.CARRIED in metadata:
        return _carried(path, metadata)
    graph, input = to_graph(path, file), contract.input_type(metadata)
    if input == NHWC:
        graph, input = channels_first(graph), "uint8"
    check_images(path, file)
    check_finite(path, graph)
    check_normalisation(path, graph, metadata.get("cnnkit.preprocessing"))
    if next(iter(graph.inputs.values())).dtype != input:
        raise InputError(
            path, "scales pixels differently from what its metadata says", "export it again"
        )
    weights = Weights(graph, metadata)
    check_metadata(path, metadata, weights.classes)
    if not contract.quantisation(metadata):  # which states a digest of the file's tensors
        check_held(path, metadata, weights.sha256)
    return weights


def _carried(path: Path, metadata: Mapping[str, Any]) -> Weights:
    """Return the network in a file that carries another tool's model as it is."""
    size = contract.image_size(path, metadata)
    nodes, names = str(metadata[contract.CARRIED]), metadata["names"]
    try:
        graph = carry(size, bare(read_bytes(path)), len(names), nodes)
    except (ValueError, IndexError) as error:
        raise InputError(path, f"is damaged ({error})", "export it again") from error
    weights = Weights(graph, metadata)
    check_metadata(path, metadata, len(names))
    check_held(path, metadata, weights.sha256)
    return weights


def check_finite(path: Path, graph: Graph) -> None:
    """Raise InputError unless all parameters of a graph are finite, and no constant is NaN."""
    for node in graph.nodes:
        for name in node.inputs[1:]:
            array = graph.tensors.get(name)
            if array is None or array.dtype.kind != "f":
                continue
            # Elsewhere infinity has a meaning: a Clip without a limit, a Pad before a max-pool.
            wrong = np.isnan(array) if node.operator not in LAYERS else ~np.isfinite(array)
            if wrong.any():
                reason = f"holds a parameter that is not finite ({name})"
                raise InputError(path, reason, "train it again, with a lower learning rate")


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
