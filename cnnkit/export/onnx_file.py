"""What an ONNX file says, read without the onnx package: `read_onnx(path).opset`.

The base install has no onnx package, and ONNX Runtime tells neither opset nor weights. This reads
the few fields of onnx.proto3 that cnnkit checks (protobuf wire format:
https://protobuf.dev/programming-guides/encoding/); it runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.files import read_bytes

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}  # NumPy's, by TensorProto.DataType
EXTERNAL = 1  # TensorProto.DataLocation.EXTERNAL


@dataclass(frozen=True)
class OnnxFile:
    """The checked part of a ModelProto.

    Attributes:
        ir_version: the version of the file format.
        opsets: version by domain; "" is the standard one.
        metadata: metadata_props.
        operators: each node's type, with its domain before it where it is not the standard one.
        inputs: type and sizes by name, a free size as 0; without those that have a default.
        tensors: initialisers stored as raw data, by name.
        external: whether a tensor lies in another file.
        notes: whether a doc string or a node's metadata is there (some exporters' source lines).
    """

    ir_version: int
    opsets: dict[str, int]
    metadata: dict[str, str]
    operators: tuple[str, ...]
    inputs: dict[str, tuple[str, tuple[int, ...]]]
    tensors: dict[str, NDArray[Any]]
    external: bool
    notes: bool


def read_onnx(path: Path) -> OnnxFile:
    """Read an ONNX file.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not ONNX, or is damaged.
    """
    content = read_bytes(path)
    try:
        return _model(content)
    except (ValueError, KeyError, IndexError) as error:
        starts_well = content[:1] == b"\x08" and len(content) > 1 and content[1] < 0x20
        raise InputError(
            path,
            f"is a truncated or damaged ONNX file ({error})"
            if starts_well
            else "is no model that cnnkit can read (ONNX, TorchScript, or weights in safetensors)",
            "export it again"
            if starts_well
            else "use a file from `cnnkit train` or `cnnkit export`",
        ) from error


def _model(content: bytes) -> OnnxFile:
    model = _group(content)
    graph = _group(_bytes(model[7][0]))
    nodes = [_group(_bytes(node)) for node in graph.get(1, [])]
    tensors = [_group(_bytes(tensor)) for tensor in graph.get(5, [])]
    pairs = [_group(_bytes(pair)) for pair in model.get(14, [])]
    opsets = [_group(_bytes(opset)) for opset in model.get(8, [])]
    names = {_text(tensor, 8) for tensor in tensors}
    return OnnxFile(
        ir_version=_int(model[1][0]),
        opsets={_text(opset, 1): _int(opset[2][0]) for opset in opsets},
        metadata={_text(pair, 1): _text(pair, 2) for pair in pairs},
        operators=tuple(
            f"{_text(node, 7)}.{_text(node, 4)}".removeprefix(".").removeprefix("ai.onnx.")
            for node in nodes
        ),
        inputs={
            name: value
            for name, value in map(_input, graph.get(11, []))
            if name not in names  # before IR 4, every initialiser is an input too
        },
        tensors={
            _text(tensor, 8): _array(tensor)
            for tensor in tensors
            if _int(tensor.get(2, [0])[0]) in TYPES and 9 in tensor
        },
        external=any(tensor.get(14) == [EXTERNAL] or 13 in tensor for tensor in tensors),
        notes=bool(
            _text(model, 6)
            or _text(graph, 10)
            or any(_text(node, 6) or 9 in node for node in nodes)
        ),
    )


def _input(value: int | bytes) -> tuple[str, tuple[str, tuple[int, ...]]]:
    """Return name, type and sizes of a ValueInfoProto; type "" if it is no tensor of numbers."""
    info = _group(_bytes(value))
    kind = _group(_bytes(_group(_bytes(info[2][0])).get(1, [b""])[0]))
    sizes = []
    for size in _group(_bytes(kind.get(2, [b""])[0])).get(1, []):
        sizes.append(_int(_group(_bytes(size)).get(1, [0])[0]))
    dtype = TYPES.get(_int(kind.get(1, [0])[0]), "")
    return _text(info, 1), (np.dtype(dtype).name if dtype else "", tuple(sizes))


def _array(tensor: dict[int, list[int | bytes]]) -> NDArray[Any]:
    shape: list[int] = []
    for size in tensor.get(1, []):  # writers may pack the dimensions into one field or not
        shape += [size] if isinstance(size, int) else [value for value, _ in _varints(size)]
    dtype = np.dtype(TYPES[_int(tensor[2][0])])
    return np.frombuffer(_bytes(tensor[9][0]), dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _group(message: bytes) -> dict[int, list[int | bytes]]:
    fields: dict[int, list[int | bytes]] = {}
    for number, value in _fields(message):
        fields.setdefault(number, []).append(value)
    return fields


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire == BYTES:
            size, position = _varint(message, position)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire} at byte {position}")
        if position + size > len(message):
            raise ValueError(f"field {number} runs past the end")
        yield number, message[position : position + size]
        position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]  # IndexError: the message breaks off
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number of more than ten bytes")


def _varints(message: bytes) -> Iterator[tuple[int, int]]:
    position = 0
    while position < len(message):
        value, position = _varint(message, position)
        yield value, position


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value


def _int(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise ValueError("bytes where a number should be")
    return value


def _text(message: dict[int, list[int | bytes]], number: int) -> str:
    return _bytes(message.get(number, [b""])[-1]).decode()
