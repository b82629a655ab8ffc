"""Weights on disk as safetensors, never pickle: `weights = read_weights(find_weights(None))`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cnnkit.architecture import Architecture
from cnnkit.errors import InputError
from cnnkit.files import read_bytes, write_bytes

FORMAT_VERSION = 1
RUNS = Path("runs")
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class Weights:
    """A trained network: what it is, its parameters, and what is known about it.

    Attributes:
        architecture: the shapes.
        tensors: float32 arrays by PyTorch state-dict name, in definition order.
        metadata: JSON values: `names` (the K labels), `dataset`, `test_accuracy`, `training`.
    """

    architecture: Architecture
    tensors: Mapping[str, NDArray[np.float32]]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Digest of architecture and parameters: the network's identity in every format."""
        digest = hashlib.sha256(json.dumps(self.architecture.to_json()).encode())
        for name in self.architecture.parameter_shapes():
            digest.update(np.ascontiguousarray(self.tensors[name], dtype="<f4").tobytes())
        return digest.hexdigest()

    @property
    def names(self) -> list[str]:
        """The K class labels; the class numbers where none are known."""
        return list(self.metadata.get("names") or map(str, range(self.architecture.classes)))


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], header: dict[str, Any]) -> None:
    """Write arrays and a JSON header as one safetensors file, whole or not at all."""
    note = json.dumps({"format_version": FORMAT_VERSION, **header}, sort_keys=True)
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_bytes(path, save(arrays, metadata={"cnnkit": note}))


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
    header = {"architecture": weights.architecture.to_json(), "metadata": dict(weights.metadata)}
    write_tensors(path, weights.tensors, header)


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
    return Weights(architecture, {name: tensors[name] for name in expected}, metadata)


def check_names(path: Path, metadata: Any, architecture: Architecture) -> None:
    """Raise InputError unless a file's metadata gives each class a name, or none at all."""
    names = metadata.get("names") if isinstance(metadata, Mapping) else 0
    if names is not None and not (isinstance(names, list) and len(names) == architecture.classes):
        raise InputError(
            path,
            f"has metadata without a name for each of its {architecture.classes} classes",
            "use the file that training or `cnnkit export` wrote",
        )


def find_weights(path: Path | None) -> Path:
    """Return the weights file that a person means: a file, a run folder, or the newest run.

    Raises:
        InputError: there is none.
    """
    if path is None:
        found = sorted(RUNS.glob(f"*/*/{WEIGHTS_FILE}"), key=lambda file: file.stat().st_mtime)
        if not found:
            raise InputError(
                RUNS,
                "holds no run with a complete epoch",
                "run `cnnkit train` first, or name a weights file",
            )
        return found[-1]
    if path.is_dir():
        if not (path / WEIGHTS_FILE).is_file():
            raise InputError(
                path,
                f"holds no {WEIGHTS_FILE}",
                "name a run folder whose first epoch is done, or a weights file",
            )
        return path / WEIGHTS_FILE
    return path
