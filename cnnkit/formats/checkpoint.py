"""Weights on disk as safetensors, never pickle: `weights = read_weights(find_weights(None))`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cnnkit.errors import InputError
from cnnkit.formats.contract import check_names
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import match
from cnnkit.graph.weights import Weights
from cnnkit.system.files import read_bytes, write_bytes

FORMAT_VERSION = 1


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], header: dict[str, Any]) -> None:
    """Write arrays and a JSON header as one safetensors file, whole or not at all."""
    write_bytes(path, _encode(tensors, header))


def _encode(tensors: Mapping[str, NDArray[Any]], header: dict[str, Any]) -> bytes:
    note = json.dumps({"format_version": FORMAT_VERSION, **header}, sort_keys=True)
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    return save(arrays, metadata={"cnnkit": note})


def read_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not a safetensors file of this version of cnnkit.
    """
    read_bytes(path)  # for its error messages: safetensors' own do not name the file
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["cnnkit"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
    except SafetensorError as error:
        raise InputError(
            path, f"is not a whole safetensors file ({error})", "use the file that training wrote"
        ) from error
    except (KeyError, ValueError) as error:
        raise InputError(
            path, "was not written by cnnkit (no cnnkit header)", "use the file that training wrote"
        ) from error
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            path,
            f"has format version {version}; this cnnkit reads {FORMAT_VERSION}",
            "use the version of cnnkit that wrote it, or train again",
        )
    return tensors, header


def write_weights(path: Path, weights: Weights) -> None:
    """Write a network as `weights.safetensors`; the same network gives the same bytes."""
    write_bytes(path, encode_weights(weights))


def encode_weights(weights: Weights) -> bytes:
    """Return the content of a network's weights file."""
    architecture, tensors = match(weights.graph, problem="a weights file cannot hold")
    header = {"architecture": architecture.to_json(), "metadata": dict(weights.metadata)}
    return _encode(tensors, header)


def read_weights(path: Path) -> Weights:
    """Read a network and check every parameter.

    Raises:
        StorageError: the file cannot be read.
        InputError: not safetensors, of other shapes, dtypes or number of class names, or with NaN
            or infinity in it.
    """
    tensors, header = read_tensors(path)
    architecture = Architecture.from_json(header.get("architecture"), path)
    expected = architecture.parameter_shapes()
    if set(tensors) != set(expected):
        raise InputError(
            path,
            f"holds the tensors {sorted(tensors)}, not {sorted(expected)}",
            "use the file that training wrote",
        )
    for name, shape in expected.items():
        if tensors[name].shape != shape or tensors[name].dtype != np.float32:
            raise InputError(
                path,
                f"{name} is {tensors[name].dtype}{list(tensors[name].shape)}, "
                f"not float32{list(shape)}",
                "use the file that training wrote",
            )
        if not np.isfinite(tensors[name]).all():
            raise InputError(
                path, f"{name} holds NaN or infinity", "train again with a lower learning rate"
            )
    metadata = header.get("metadata", {})
    check_names(path, metadata, architecture)
    return Weights.of(architecture, tensors, metadata)
