"""The metadata contract that every artefact keeps, whatever its format: keys, names and checks.

`decode(path, texts, "an ONNX file")["names"]`; cnnkit.formats.description makes the values.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.formats.golden import Golden
from cnnkit.graph.architecture import LARGEST, PIXEL_SCALE, Architecture
from cnnkit.graph.convnet import INPUT as INPUT
from cnnkit.graph.convnet import OUTPUTS as OUTPUTS
from cnnkit.graph.convnet import with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.layout import NHWC
from cnnkit.graph.normalisation import take_off
from cnnkit.graph.passes.inputs import split_input
from cnnkit.graph.pixels import PixelInput
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.shapes import infer_types

CONTRACT_VERSION = 1
QUANTISATION = "cnnkit.quantization"
HELD = "cnnkit.held_sha256"  # of the network after the passes, if a format holds that
GRAPH = "cnnkit.graph"  # of a network beyond the family, in formats whose programs do not tell it
CARRIED = "cnnkit.carried"  # nodes that only ONNX Runtime computes
ROUNDED = 1e-6  # as far apart as a few roundings to float32 bring the numbers of a record
MARK = "cnnkit.contract"  # the key by which an artefact of ours is known
# The other keys of ours begin with "cnnkit."; what other tools may add is left to them.
COMMON = ("names", "task", "imgsz", "channels", "version", "license")


def signature(graph: Graph, input: str = "uint8") -> dict[str, str]:
    """Return type and shape of the input and the outputs by name; N is free."""
    graph = with_contract(graph, input)
    types = infer_types(graph)
    return {
        name: f"{types[name].dtype}[{','.join(map(str, types[name].shape))}]"
        for name in (*graph.inputs, *graph.outputs)
    }


def input_type(values: Mapping[str, Any]) -> str:
    """Return the input that an artefact states, as options name it: "uint8", "float32" or NHWC."""
    stated = values.get("cnnkit.preprocessing")
    record = stated if isinstance(stated, dict) else {}
    if record.get("scaled_inside") is False:
        return "float32"
    return NHWC if record.get("layout") == "NHWC" else "uint8"


def quantisation(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return how an artefact was quantised; nothing if it was not.

    Its `tensors_sha256` are the digest of what the file holds, its `max_accuracy_drop` the share by
    which its accuracy may be below the network's.
    """
    return dict(values.get(QUANTISATION, {}))


def check_held(path: Path, values: Mapping[str, Any], digest: str, remedy: str = "") -> None:
    """Raise InputError if a file's parameters are not those that its metadata state.

    Args:
        path: the artefact, for messages.
        values: its metadata.
        digest: of what it holds, as `stated_digest` has it.
        remedy: what to do, where that is not to export it again in some format.
    """
    if digest != stated_digest(values):
        raise InputError(
            path,
            "holds other weights than its metadata says: damaged, or changed by another tool",
            remedy or "export it again, or use it without cnnkit",
        )


def stated_digest(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 that metadata state: of all tensors of a quantised file, else of weights.

    It is empty if a quantised file states none.
    """
    quantised = quantisation(values)
    weights = values.get(HELD, values["cnnkit.weights_sha256"])
    digest = quantised.get("tensors_sha256") if quantised else weights
    return str(digest or "")


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
        values = {key: json.loads(text) for key, text in texts.items() if _is_ours(key)}
        quantised = quantisation(values)
        well_formed = (
            isinstance(values["cnnkit.weights_sha256"], str)
            and all(isinstance(name, str) for name in values["names"])
            and (not quantised or isinstance(quantised["max_accuracy_drop"], int | float))
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


def _is_ours(key: str) -> bool:
    return key in COMMON or key.startswith("cnnkit.")


def architecture(path: Path, values: Mapping[str, Any]) -> Architecture:
    """Return the architecture that an artefact states, or raise InputError."""
    return Architecture.from_json(values.get("cnnkit.architecture"), path)


def image_size(path: Path, values: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return C, H, W of the images that an artefact states, or raise InputError."""
    if "cnnkit.architecture" in values:
        return architecture(path, values).input
    try:
        height, width = (int(side) for side in values["imgsz"])
        size = int(values["channels"]), height, width
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"has damaged metadata ({error!r})", "export it again") from error
    if not 1 <= min(size) <= max(size) <= LARGEST:
        raise InputError(path, f"states images of {list(size)}", "export it again")
    return size


def read_golden(path: Path, values: Mapping[str, Any]) -> Golden | None:
    """Return the golden vectors of an artefact with these metadata; None if it has none.

    Raises:
        InputError: they are damaged.
    """
    try:
        classes = len(values["names"])
        if "cnnkit.architecture" in values:
            classes = architecture(path, values).classes
        return Golden.from_json(values, image_size(path, values), classes)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(path, f"has {error}", "export it again") from error


def check_metadata(path: Path, metadata: Any, classes: int) -> None:
    """Raise InputError unless what a file states of its network has the right types.

    Args:
        path: the file, for messages.
        metadata: a weights file's, or an artefact's, where most keys begin with "cnnkit.".
        classes: as many names there must be, if there are any.
    """
    remedy = "use the file that training or `cnnkit export` wrote"
    if not isinstance(metadata, Mapping):
        raise InputError(path, "has metadata that are not a JSON object", remedy)
    for key, value in metadata.items():
        is_valid, what = STATED.get(str(key).removeprefix("cnnkit."), (None, ""))
        if is_valid and value is not None and not is_valid(value):
            raise InputError(path, f"has metadata in which {key!r:.80} is not {what}", remedy)
    names = metadata.get("names")
    if names is not None and len(names) != classes:
        raise InputError(
            path,
            f"has metadata without a name for each of its {classes} classes",
            remedy,
        )


def normalises(values: Mapping[str, Any]) -> bool:
    """Tell whether an artefact with these metadata normalises pixels."""
    stated = values.get("cnnkit.preprocessing")
    record = stated if isinstance(stated, dict) else {}
    return any(record.get("mean") or ()) or set(record.get("std") or (1.0,)) != {1.0}


def check_normalisation(path: Path, graph: Graph, stated: Any) -> None:
    """Raise InputError unless a graph scales and normalises pixels as the record in a file says.

    Args:
        path: the file, for messages.
        graph: it may have any input.
        stated: the record, None if there is none.
    """
    normalisation, _ = take_off(graph)
    mean, std = normalisation.numbers if normalisation else ((0.0,), (1.0,))
    record = stated if isinstance(stated, dict) else {}
    for key, found in (("mean", mean), ("std", std)) if normalisation else ():
        if not _are_same(found, record.get(key)):
            raise InputError(
                path,
                f"normalises pixels with the {key} {list(found)}, and its metadata says "
                f"{record.get(key)}",
                "export or train it again",
            )
    pixels, _ = split_input(graph)
    if not _scales_as(pixels, record):
        raise InputError(
            path, "scales pixels differently from what its metadata says", "export it again"
        )


def _scales_as(pixels: PixelInput, record: Mapping[str, Any]) -> bool:
    """Tell whether what becomes of pixels is (x * scale - mean) / std of a record, but rounded."""
    mean, std = record.get("mean", (0.0,)), record.get("std", (1.0,))
    scale = record.get("scale", PIXEL_SCALE) if pixels.dtype == "uint8" else 1.0
    if not all(isinstance(numbers, list | tuple) and numbers for numbers in (mean, std)):
        return False
    if not all(map(_is_number, (scale, *mean, *std))):
        return False
    with np.errstate(all="ignore"):
        wanted = np.broadcast_arrays(scale / np.array(std), -np.array(mean) / np.array(std))
        found = np.broadcast_arrays(pixels.scale, pixels.shift)
    if len({len(array) for array in (*wanted, *found)} - {1}) > 1:
        return False
    return bool(
        np.allclose(wanted[0], found[0], rtol=ROUNDED, atol=0)
        and np.allclose(wanted[1], found[1], rtol=ROUNDED, atol=ROUNDED)
    )


def _are_same(found: tuple[float, ...], stated: Any) -> bool:
    """Tell whether numbers of float32, or the only one for all channels, are those stated."""
    if not isinstance(stated, list | tuple) or not all(map(_is_number, stated)):
        return False
    whole = found * len(stated) if len(found) == 1 else found
    return whole == tuple(float(np.float32(number)) for number in stated)


def _is_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(value.encode())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can escape
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_digests(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, [*value, *value.values()]))


def _is_record(value: Any) -> bool:
    """Tell whether a network's preprocessing can be read, unless it has a recipe's few keys."""
    try:
        return isinstance(value, dict) and (
            "size" not in value or bool(Preprocessing.from_json(value))
        )
    except ValueError:
        return False


def _are_settings(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_text(name) and (setting is None or _is_text(setting) or _is_number(setting))
        for name, setting in value.items()
    )


# What may be stated of a network, by key: how it is checked, and in words.
STATED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "names": (_are_texts, "a list of texts"),
    "dataset": (_is_text, "a text"),
    "dataset_sha256": (_are_digests, "a digest for each file"),
    "license": (_is_text, "a text"),
    "preprocessing": (_is_record, "a record of what is done to pictures"),
    "version": (_is_text, "a text"),
    "weights_sha256": (_is_text, "a text"),
    "test_accuracy": (lambda value: _is_number(value) and 0 <= value <= 1, "from 0 to 1"),
    "training": (_are_settings, "a table of numbers and texts"),
}
