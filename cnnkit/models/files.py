"""ONNX files and programs of torch.export as networks; see `cnnkit.models.read`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.detect import read_contract
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.onnx.weights import read_classifier
from cnnkit.formats.registry import TABLE
from cnnkit.graph import passes
from cnnkit.graph.axes import image_size
from cnnkit.graph.batch import frozen_batch
from cnnkit.graph.classifier import as_classifier, record_of
from cnnkit.graph.convnet import with_raw_pixels
from cnnkit.graph.graph import Graph
from cnnkit.graph.weights import Weights
from cnnkit.models.network import Network, named_as_ours
from cnnkit.models.said import OURS, Said

IS_FILE = "is for a module; {model} holds its own"
# What an artefact says of its network under the same keys as a weights file.
KNOWN = ("dataset", "dataset_sha256", "preprocessing", "test_accuracy", "training")
# Why a file of 8-bit integers is no model, and what is one.
REMEDY = "give the weights or the run that it was made from"
ROUNDED = ("holds rounded parameters, from which no other file is made", REMEDY)
ROUNDED_ONNX = (
    "holds rounded parameters, from which no file but one of the format c-int8 is made",
    f"export or embed it with `--format c-int8`, or {REMEDY}",
)


def read_onnx_file(path: Path, said: Said) -> Network:
    """Read an ONNX file, ours or another tool's."""
    file = read_onnx(path)
    if contract.MARK in file.metadata:
        said.refuse(path, OURS)
        return Network(_of_artefact(path), str(path), path=path)
    said.refuse(path, IS_FILE, "preprocess", "names")
    weights, frozen = read_classifier(path, said.record)
    return Network(named_as_ours(_named(weights, said)), str(path), notes=_freed(frozen))


def read_rounded(path: Path) -> Network | None:
    """Read an 8-bit ONNX file of ours as it is, to run it or to make C of it; None of another file.

    `read_onnx_file` refuses it, since nothing else is made from rounded parameters.
    """
    if contract.MARK not in read_onnx(path).metadata:
        return None
    stated = read_contract(path)
    if not contract.quantisation(stated):
        return None
    return Network(as_stored(TABLE["onnx"].read_weights(path), stated), str(path), path=path)


def read_pt2_file(path: Path, said: Said) -> Network:
    """Read a program of torch.export, by whoever."""
    from cnnkit.formats.pytorch.foreign import is_foreign, load_program

    if not is_foreign(path):
        said.refuse(path, OURS)
        raise InputError(
            path,
            "is a file of the format pt2 that cnnkit wrote, which this command does not take",
            f"make an ONNX file of it by `cnnkit export {path} --format onnx`, or give the weights",
        )
    said.refuse(path, IS_FILE, "preprocess", "names")
    program = load_program(path)
    from cnnkit.nn.exported.program import graph_of_program

    graph = passes.idle_free(graph_of_program(program, path))
    weights = named_as_ours(_classifier(graph, path, said))
    return Network(weights, str(path), notes=_freed(frozen_batch(graph)))


def _classifier(graph: Graph, path: Path, said: Said) -> Weights:
    record = said.record(image_size(graph))
    whole = as_classifier(graph, record, path)
    stated = record_of(whole, record).to_json(scaled_inside=True)
    return _named(Weights(whole, {"preprocessing": stated}), said)


def _named(weights: Weights, said: Said) -> Weights:
    names = said.class_names(weights.classes)
    return (
        weights
        if names is None
        else replace(weights, metadata={**weights.metadata, "names": names})
    )


def _freed(frozen: int | None) -> tuple[str, ...]:
    if frozen is None:
        return ()
    return (f"its batch was frozen at {frozen}; the network that is exported takes any number",)


def _of_artefact(path: Path) -> Weights:
    stated = read_contract(path)
    if contract.quantisation(stated):
        raise InputError(path, *ROUNDED_ONNX)
    return as_stored(TABLE["onnx"].read_weights(path), stated)


def as_stored(weights: Weights, stated: Mapping[str, Any]) -> Weights:
    """Return the network in an artefact of ours with its metadata, as a weights file has both."""
    known = {key: stated.get(f"cnnkit.{key}") for key in KNOWN}
    known |= {key: stated.get(key) for key in ("names", "license")}
    metadata = {key: value for key, value in known.items() if value is not None}
    try:
        return Weights.of(*weights.convnet, metadata)  # with the scale in float64, as it was
    except InputError:
        return Weights(with_raw_pixels(weights.graph), metadata)
