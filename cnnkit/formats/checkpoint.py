"""Weights on disk as safetensors, never pickle: `weights = read_weights(find_weights(None))`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cnnkit.errors import InputError
from cnnkit.formats.contract import check_metadata, check_normalisation
from cnnkit.graph import identity
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import LOGITS, build, match, with_contract
from cnnkit.graph.convnet_match import Convnet, image_size
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import learnt, statistics
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.weights import Weights
from cnnkit.system.files import read_bytes, write_bytes

FORMAT_VERSION = 1
CHECKSUM = "sha256"  # in the header, of everything else; files from before it have none
DTYPES = {"F32", "F64", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "BOOL"}
REMEDY = "use the file that training wrote"


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], header: dict[str, Any]) -> None:
    """Write arrays and a JSON header as one safetensors file, whole or not at all."""
    write_bytes(path, _encode(tensors, header))


def _encode(tensors: Mapping[str, NDArray[Any]], header: dict[str, Any]) -> bytes:
    # Not ascontiguousarray, which makes an axis for a scalar.
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    note = json.loads(json.dumps({"format_version": FORMAT_VERSION, **header}))
    note[CHECKSUM] = checksum(arrays, note)
    return save(arrays, metadata={"cnnkit": json.dumps(note, sort_keys=True)})


def checksum(tensors: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a header and of all tensors: names, dtypes, shapes and bytes."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def read_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_tensors` wrote; the header still has its checksum, if there is one.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or not a safetensors file of this version of cnnkit.
    """
    read_bytes(path, 1)  # for its error messages: safetensors' own do not name the file
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["cnnkit"])
            names = file.keys()  # not a dictionary's: one cannot iterate over the file itself
            types = {name: file.get_slice(name).get_dtype() for name in names}
            odd = next((name for name in types if types[name] not in DTYPES), None)
            if odd is not None:
                raise InputError(path, f"has {odd!r} in {types[odd]}, not in float32", REMEDY)
            tensors = {name: file.get_tensor(name) for name in types}
        json.dumps(header, ensure_ascii=False).encode()  # no half of a surrogate pair
    except SafetensorError as error:
        raise InputError(path, f"is not a complete safetensors file ({error})", REMEDY) from error
    except InputError:
        raise
    except (KeyError, ValueError, RecursionError) as error:
        raise InputError(path, "was not written by cnnkit (no cnnkit header)", REMEDY) from error
    if not isinstance(header, dict):
        raise InputError(path, "has a cnnkit header that is not a JSON object", REMEDY)
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            path,
            f"has format version {version!r:.40}; this cnnkit reads {FORMAT_VERSION}",
            "use the version of cnnkit that wrote it, or train again",
        )
    stated = {key: value for key, value in header.items() if key != CHECKSUM}
    if CHECKSUM in header and header[CHECKSUM] != checksum(tensors, stated):
        raise InputError(
            path,
            "is damaged: its content does not have the checksum in its header",
            "use an undamaged copy, or train again",
        )
    return tensors, header


def write_weights(path: Path, weights: Weights) -> None:
    """Write a network as `weights.safetensors`; the same network gives the same bytes."""
    write_bytes(path, encode_weights(weights))


def encode_weights(weights: Weights) -> bytes:
    """Return the content of a network's weights file."""
    header = {**network_header(weights.graph), "metadata": dict(weights.metadata)}
    convnet = _convnet(weights.graph)
    return _encode(weights.graph.tensors if convnet is None else convnet.tensors, header)


def network_header(graph: Graph) -> dict[str, Any]:
    """Return what a header says of a network: its architecture, or a graph beyond the family."""
    convnet = _convnet(graph)
    if convnet is None:
        graph = with_contract(graph, "uint8", "a weights file cannot hold")
        return {"graph": identity.to_json(graph)}
    return {"architecture": convnet.architecture.to_json()}


def constants(graph: Graph) -> dict[str, NDArray[Any]]:
    """Return the tensors that training does not change and a header does not imply."""
    if _convnet(graph) is not None:
        return {}
    changed = {*learnt(graph), *statistics(graph)}
    return {name: array for name, array in graph.tensors.items() if name not in changed}


def _convnet(graph: Graph) -> Convnet | None:
    try:
        return match(graph)
    except InputError:
        return None


def read_weights(path: Path) -> Weights:
    """Read a network and check every parameter.

    Raises:
        StorageError: the file cannot be read.
        InputError: damaged, not safetensors, of other shapes, dtypes or metadata, or with NaN or
            infinity in it.
    """
    tensors, header = read_tensors(path)
    graph = read_network(path, header, tensors)
    metadata = header.get("metadata", {})
    weights = Weights(graph, metadata if isinstance(metadata, dict) else {})
    check_metadata(path, metadata, weights.classes)
    check_normalisation(path, graph, weights.metadata.get("preprocessing"))
    return weights


def read_network(
    path: Path, header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> Graph:
    """Return the network that a header describes, with these tensors.

    Raises:
        InputError: they do not belong together, or a tensor is not finite.
    """
    if "graph" in header:
        graph = identity.from_json(header["graph"], tensors, path)
        image_size(graph, path)
        _check_outputs(path, graph)
    else:
        architecture = Architecture.from_json(header.get("architecture"), path)
        _check_parameters(path, architecture, tensors)
        graph = build(architecture, tensors)
    for name, array in tensors.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(
                path, f"{name} holds NaN or infinity", "train again with a lower learning rate"
            )
    return graph


def _check_outputs(path: Path, graph: Graph) -> None:
    """Raise InputError unless a graph's shapes fit and it keeps the contract."""
    try:
        types = infer_types(graph)
    except InputError as error:
        raise InputError(path, f"{error.subject}: {error.reason}", REMEDY) from error
    with_contract(graph, "uint8", "a weights file cannot hold")
    if len(types[LOGITS].shape) != 2:
        raise InputError(path, f"has logits of {types[LOGITS]}", REMEDY)


def _check_parameters(
    path: Path, architecture: Architecture, tensors: Mapping[str, NDArray[Any]]
) -> None:
    expected = architecture.parameter_shapes()
    if set(tensors) != set(expected):
        raise InputError(path, f"has the tensors {sorted(tensors)}, not {sorted(expected)}", REMEDY)
    for name, shape in expected.items():
        if tensors[name].shape != shape or tensors[name].dtype != np.float32:
            raise InputError(
                path,
                f"{name} is {tensors[name].dtype}{list(tensors[name].shape)}, "
                f"not float32{list(shape)}",
                REMEDY,
            )
