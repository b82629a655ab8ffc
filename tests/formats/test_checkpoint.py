"""A damaged or odd weights file is refused by name and reason; an undamaged one is the network."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.corruptions import flip_bit

from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats.checkpoint import CHECKSUM, encode_weights, read_tensors, read_weights
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.weights import Weights

REFERENCE = Path(__file__).parents[2] / "export" / "reference" / "weights.safetensors"
DIGITS = {
    "names": list("0123456789"),
    "dataset": "mnist",
    "dataset_sha256": {"train-images-idx3-ubyte": "ba89"},
    "test_accuracy": 0.95,
    "training": {"epochs": 6, "learning_rate": 1e-4, "schedule": "constant"},
}


@pytest.fixture(scope="module")
def content() -> bytes:
    return encode_weights(
        Weights.of(Architecture(), Architecture().initial_parameters(1), dict(DIGITS))
    )


def edit(content: bytes, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> bytes:
    """Return a weights file without checksum whose safetensors header and own header changed.

    What `change` returns, if anything, takes the place of the own header.
    """
    size = struct.unpack("<Q", content[:8])[0]
    outer = json.loads(content[8 : 8 + size])
    note = json.loads(outer["__metadata__"]["cnnkit"])
    del note[CHECKSUM]
    other = change(outer, note)
    text = other if isinstance(other, str) else json.dumps(note if other is None else other)
    outer["__metadata__"]["cnnkit"] = text
    head = json.dumps(outer).encode()
    return struct.pack("<Q", len(head)) + head + content[8 + size :]


def set_metadata(**values: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda outer, note: note["metadata"].update(values)


def set_dtype(outer: dict[str, Any], dtype: str) -> None:
    """Give the last tensor another type of as many bytes, in another shape."""
    outer["linear.weight"]["dtype"] = dtype
    outer["linear.weight"]["shape"] = [7840 // {"BF16": 2, "F16": 2}.get(dtype, 1)]


def test_two_flipped_bits_in_a_weight_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(flip_bit(flip_bit(content, 8 * (len(content) - 7) + 6), 8 * len(content) - 2))
    with pytest.raises(InputError, match="is damaged: its content does not have the checksum"):
        read_weights(path)


def test_any_flipped_byte_gives_the_same_network_or_a_refusal(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    whole, chosen = read_weights(path), random.Random(1)
    every = range(0, len(content), 7)  # header, names, offsets and numbers alike
    for at in every:
        path.write_bytes(flip_bit(content, 8 * at + chosen.randrange(8)))
        try:
            found = read_weights(path)
        except CnnkitError:
            continue
        assert (found.sha256, found.metadata) == (whole.sha256, whole.metadata), at


def test_the_checksum_is_of_types_shapes_and_header_too(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    for old, new in ((b'\\"7\\"', b'\\"1\\"'), (b"[16,1,3,3]", b"[16,3,1,3]"), (b"0.95", b"0.99")):
        assert content.count(old) == 1
        path.write_bytes(content.replace(old, new))
        with pytest.raises(InputError, match="checksum"):
            read_tensors(path)


def test_a_file_from_before_the_checksum_is_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "old.safetensors"
    path.write_bytes(edit(content, lambda outer, note: None))
    assert read_weights(path).metadata == DIGITS
    assert CHECKSUM not in read_tensors(REFERENCE)[1]
    assert read_weights(REFERENCE).metadata["test_accuracy"] > 0.9


def test_the_same_network_gives_the_same_bytes(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    assert encode_weights(read_weights(tmp_path / "a")) == content


ODD: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], Any], str]] = {
    "BF16": (lambda outer, note: set_dtype(outer, "BF16"), "'linear.weight' in BF16, not in"),
    "F16": (lambda outer, note: set_dtype(outer, "F16"), "'linear.weight' in F16, not in"),
    "FP8": (lambda outer, note: set_dtype(outer, "F8_E4M3"), "'linear.weight' in F8_E4M3, not"),
    "int8": (lambda outer, note: set_dtype(outer, "I8"), "linear.weight is int8"),
    "a number as header": (
        lambda outer, note: "-1",
        "has a cnnkit header that is not a JSON object",
    ),
    "a list as header": (
        lambda outer, note: "[1]",
        "has a cnnkit header that is not a JSON object",
    ),
    "a nested header": (lambda outer, note: "[" * 100_000, "no cnnkit header"),
    "half a character": (set_metadata(dataset="\ud800"), "no cnnkit header"),
    "another version": (lambda o, note: note.update(format_version=[]), r"format version \[\]"),
    "names that are numbers": (set_metadata(names=[0] * 10), "'names' is not a list of texts"),
    "a name that is a list": (set_metadata(names=["0"] * 9 + [[[]]]), "'names' is not a list of"),
    "an empty name": (set_metadata(names=["0"] * 9 + [""]), "'names' is not a list of texts"),
    "no data set": (set_metadata(dataset=""), "'dataset' is not a text"),
    "digests that are a list": (set_metadata(dataset_sha256=["a"]), "'dataset_sha256' is not a"),
    "a licence that is a list": (set_metadata(license=["x"]), "'license' is not a text"),
    "an accuracy in words": (set_metadata(test_accuracy="high"), "'test_accuracy' is not from 0"),
    "an infinite accuracy": (set_metadata(test_accuracy=float("inf")), "'test_accuracy' is not"),
    "a huge accuracy": (set_metadata(test_accuracy=10**400), "'test_accuracy' is not from 0 to 1"),
    "nested training": (set_metadata(training={"a": [1]}), "'training' is not a table of numbers"),
    "metadata in a list": (
        lambda o, note: note.update(metadata=[1]),
        "metadata that are not a JSON",
    ),
    "huge sizes": (lambda o, note: note["architecture"].update(classes=10**400), "or above 2,147"),
    "blocks in words": (lambda o, note: note["architecture"].update(blocks="abc"), "describes no"),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_weights_files_are_refused_with_the_reason(
    content: bytes, tmp_path: Path, what: str
) -> None:
    change, reason = ODD[what]
    path = tmp_path / "odd.safetensors"
    path.write_bytes(edit(content, change))
    with pytest.raises(InputError, match=reason):
        read_weights(path)


def test_random_json_in_the_header_never_raises_other_errors(
    content: bytes, tmp_path: Path
) -> None:
    values: list[Any] = [None, True, -1, 1e308, "", "x", [], {}, [[]], {"a": [1]}, 10**30, -1.5]
    chosen, path = random.Random(2), tmp_path / "odd.safetensors"

    def change(outer: dict[str, Any], note: dict[str, Any]) -> None:
        for _ in range(chosen.randint(1, 3)):
            place: Any = note
            while True:
                keys = list(place) if isinstance(place, dict) else list(range(len(place)))
                key = chosen.choice(keys)
                inner = place[key]
                if not isinstance(inner, dict | list) or not inner or chosen.random() < 0.3:
                    place[key] = deepcopy(chosen.choice(values))
                    break
                place = inner

    for _ in range(400):
        path.write_bytes(edit(content, change))
        try:
            read = read_weights(path)
        except InputError:
            continue
        assert all(np.isfinite(array).all() for array in read.tensors.values())


def test_the_command_line_refuses_with_2(
    cli: Callable[..., Any], content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "odd.safetensors"
    for what in ("BF16", "a number as header", "no data set"):
        path.write_bytes(edit(content, ODD[what][0]))
        result = cli("eval", path)
        assert result.exit_code == 2, what
        assert str(path) in result.stderr
