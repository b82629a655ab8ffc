"""What every artefact says about itself, whatever its format: `metadata(weights)`.

A host needs nothing but the artefact: names, shapes and types of its input and outputs, its labels,
what was done to the pixels, and which weights are inside. Every value is JSON, and there is
no date and no path in it, so that the same weights give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError
from cnnkit.formats.golden import KEY, Golden, choose, vectors
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.weights import Weights

CONTRACT_VERSION = 1
INPUT = "image"
OUTPUTS = ("logits", "probabilities", "label")
QUANTISATION = "cnnkit.quantization"
MARK = "cnnkit.contract"  # the key by which an artefact of ours is known


def signature(architecture: Architecture, input: str = "uint8") -> dict[str, str]:
    """Return type and shape of the input and the outputs by name; N is free."""
    channels, height, width = architecture.input
    return {
        INPUT: f"{input}[N,{channels},{height},{width}]",
        "logits": f"float32[N,{architecture.classes}]",
        "probabilities": f"float32[N,{architecture.classes}]",
        "label": "int64[N]",
    }


def describe(weights: Weights, options: Options) -> dict[str, Any]:
    """Return what an artefact says of itself: `metadata` with golden vectors of the test images."""
    return metadata(weights, vectors(weights, choose(options.dataset.test)), options.input)


def metadata(
    weights: Weights, golden: Golden | None = None, input: str = "uint8"
) -> dict[str, Any]:
    """Return the JSON values that an artefact of these weights carries, sorted by key.

    `names`, `task`, `imgsz`, `channels`, `version` and `license` stand under the keys that readers
    of other exporters' files know; the rest is `cnnkit.*`. What is not known is left out.

    Args:
        weights: the network.
        golden: images with the answers to them; a weights file has none.
        input: the type of the input, as `Options` has it.
    """
    architecture, known = weights.architecture, weights.metadata
    scaled_inside = input == "uint8"
    values: dict[str, Any] = {
        "names": weights.names,
        "task": "classify",
        "imgsz": list(architecture.input[1:]),
        "channels": architecture.input[0],
        "version": _version(),
        "license": known.get("license"),
        MARK: CONTRACT_VERSION,
        "cnnkit.architecture": architecture.to_json(),
        "cnnkit.dataset": known.get("dataset"),
        "cnnkit.dataset_sha256": known.get("dataset_sha256"),
        "cnnkit.preprocessing": {
            "colours": "white digit on black",
            "layout": "NCHW",
            "range": [0, 255] if scaled_inside else [0, 1],
            "scale": PIXEL_SCALE,
            "scaled_inside": scaled_inside,
        },
        "cnnkit.signature": signature(architecture, input),
        "cnnkit.test_accuracy": known.get("test_accuracy"),
        "cnnkit.training": known.get("training"),
        "cnnkit.weights_sha256": weights.sha256,
        **(golden.to_json() if golden else {}),
    }
    known_values = {key: values[key] for key in sorted(values) if values[key] is not None}
    result: dict[str, Any] = json.loads(json.dumps(known_values))  # as a reader will see them
    return result


def input_type(values: Mapping[str, Any]) -> str:
    """Return "uint8" or "float32": the type of the input that an artefact states."""
    stated = values.get("cnnkit.preprocessing")
    scaled_outside = isinstance(stated, dict) and stated.get("scaled_inside") is False
    return "float32" if scaled_outside else "uint8"


def own(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an artefact states of its weights alone: no golden vectors, no quantisation."""
    other = (KEY, QUANTISATION)
    return {key: value for key, value in values.items() if not key.startswith(other)}


def quantisation(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return how an artefact was quantised; nothing if it was not.

    Its `tensors_sha256` are the digest of what the file holds, its `max_accuracy_drop` the share by
    which its accuracy may be below the network's.
    """
    return dict(values.get(QUANTISATION, {}))


def encode(values: Mapping[str, Any]) -> dict[str, str]:
    """Return every value as JSON text, for formats that store strings."""
    return {key: json.dumps(value, sort_keys=True) for key, value in values.items()}


def decode(path: Path, texts: Mapping[str, str], kind: str) -> dict[str, Any]:
    """Read what `encode` wrote.

    Args:
        path: the artefact, for messages.
        texts: its metadata.
        kind: what the file is, with its article ("an ONNX file").

    Raises:
        InputError: cnnkit did not write it, it is damaged, or of another version of the contract.
    """
    if MARK not in texts:
        raise InputError(
            path,
            f"is {kind}, but not one that cnnkit wrote (no {MARK} in its metadata)",
            "use a file from `cnnkit export`",
        )
    try:
        values = {key: json.loads(text) for key, text in texts.items()}
        quantised = quantisation(values)
        well_formed = (
            isinstance(values["cnnkit.weights_sha256"], str)
            and all(isinstance(name, str) for name in values["names"])
            and (not quantised or isinstance(quantised["max_accuracy_drop"], float))
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(path, f"has damaged metadata ({error!r})", "export it again") from error
    if not well_formed:
        raise InputError(path, "has damaged metadata", "export it again")
    if values[MARK] != CONTRACT_VERSION:
        raise InputError(
            path,
            f"has version {values[MARK]} of the export contract; "
            f"this cnnkit reads version {CONTRACT_VERSION}",
            "use the version of cnnkit that wrote it, or export it again",
        )
    read_golden(path, values)  # refused here if they are damaged
    return values


def architecture(path: Path, values: Mapping[str, Any]) -> Architecture:
    """Return the architecture that an artefact states, or raise InputError."""
    return Architecture.from_json(values.get("cnnkit.architecture"), path)


def read_golden(path: Path, values: Mapping[str, Any]) -> Golden | None:
    """Return the golden vectors of an artefact with these metadata; None if it has none.

    Raises:
        InputError: they are damaged.
    """
    try:
        return Golden.from_json(values, architecture(path, values))
    except ValueError as error:
        raise InputError(path, f"has {error}", "export it again") from error


def _version() -> str:
    from cnnkit import __version__

    return __version__


def check_names(path: Path, metadata: Any, architecture: Architecture) -> None:
    """Raise InputError unless a file's metadata gives each class a name, or none at all."""
    names = metadata.get("names") if isinstance(metadata, Mapping) else 0
    if names is not None and not (isinstance(names, list) and len(names) == architecture.classes):
        raise InputError(
            path,
            f"has metadata without a name for each of its {architecture.classes} classes",
            "use the file that training or `cnnkit export` wrote",
        )
