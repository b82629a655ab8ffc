"""What an ONNX file says, read without the onnx package: `read_onnx(path).opset`.

The base install has no onnx package, and ONNX Runtime tells neither opset nor weights. This reads
the few fields of onnx.proto3 that cnnkit needs (protobuf wire format:
https://protobuf.dev/programming-guides/encoding/); it runs nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# NumPy's types by TensorProto.DataType, and the fields of values that are not raw
TYPES = {
    **{1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8"},
    **{9: "?", 10: "<f2", 11: "<f8", 12: "<u4", 13: "<u8"},
}
FIELDS = {"<f4": 4, "<f8": 10, "<i8": 7, "<u4": 11, "<u8": 11}  # for the others, 5
EXTERNAL = 1  # TensorProto.DataLocation.EXTERNAL

Message = dict[int, list[int | bytes]]  # fields by number
Attribute = float | str | list[int] | NDArray[Any]


@dataclass(frozen=True)
class Node:
    """One step of the graph.

    Attributes:
        operator: its type, with its domain before it where it is not the standard one.
        name: its own, often empty.
        inputs: names of values; an empty one is left out.
        outputs: names of values.
        attributes: numbers (integers as lists of one), texts, lists of integers and tensors (lists
            of floats too).
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class OnnxFile:
    """The part of a ModelProto that cnnkit needs.

    Attributes:
        ir_version: the version of the file format.
        opsets: version by domain; "" is the standard one.
        metadata: metadata_props.
        nodes: the graph, in the order of execution.
        inputs: NumPy's name of the type ("" if it is none in TYPES) and sizes (0 where one is free)
            by name, without those that have a default.
        tensors: initialisers of the types in TYPES, by name.
        outputs: their names.
        external: whether a tensor lies in another file.
        notes: whether a doc string or a node's metadata is there (some exporters' source lines).
    """

    ir_version: int
    opsets: dict[str, int]
    metadata: dict[str, str]
    nodes: tuple[Node, ...]
    inputs: dict[str, tuple[str, tuple[int, ...]]]
    tensors: dict[str, NDArray[Any]]
    outputs: tuple[str, ...]
    external: bool
    notes: bool

    @property
    def operators(self) -> tuple[str, ...]:
        """Each node's operator."""
        return tuple(node.operator for node in self.nodes)


def read_onnx(path: Path) -> OnnxFile:
    """Read an ONNX file.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not ONNX, or is damaged.
    """
    content = read_bytes(path)
    try:
        return _model(content, path.parent)
    except (ValueError, KeyError, IndexError, OverflowError, struct.error) as error:
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


def _model(content: bytes, folder: Path) -> OnnxFile:
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
        nodes=tuple(_node(node, folder) for node in nodes),
        inputs={
            name: value
            for name, value in map(_input, graph.get(11, []))
            if name not in names  # before IR 4, every initialiser is an input too
        },
        tensors={
            _text(tensor, 8): _array(tensor, folder)
            for tensor in tensors
            if _int(tensor.get(2, [0])[0]) in TYPES
        },
        outputs=tuple(_text(_group(_bytes(value)), 1) for value in graph.get(12, [])),
        external=any(tensor.get(14) == [EXTERNAL] or 13 in tensor for tensor in tensors),
        notes=bool(
            _text(model, 6)
            or _text(graph, 10)
            or any(_text(node, 6) or 9 in node for node in nodes)
        ),
    )


def _node(node: Message, folder: Path) -> Node:
    attributes = [_group(_bytes(attribute)) for attribute in node.get(5, [])]
    if 2 not in node:
        raise ValueError("a node without outputs")
    return Node(
        f"{_text(node, 7)}.{_text(node, 4)}".removeprefix(".").removeprefix("ai.onnx."),
        _text(node, 3),
        tuple(_bytes(name).decode() for name in node.get(1, [])),
        tuple(_bytes(name).decode() for name in node.get(2, [])),
        {_text(attribute, 1): _attribute(attribute, folder) for attribute in attributes},
    )


def _attribute(attribute: Message, folder: Path) -> Attribute:
    if 2 in attribute:
        return float(struct.unpack("<f", _bytes(attribute[2][0]))[0])
    if 4 in attribute:
        return _text(attribute, 4)
    if 5 in attribute:
        tensor = _group(_bytes(attribute[5][0]))
        return _array(tensor, folder)
    if 7 in attribute:
        return _floats(attribute, 7, "<f4")
    return _numbers(attribute, 3) + _numbers(attribute, 8)


def _input(value: int | bytes) -> tuple[str, tuple[str, tuple[int, ...]]]:
    """Return name, type and sizes of a ValueInfoProto; type "" if it is no tensor of numbers."""
    info = _group(_bytes(value))
    kind = _group(_bytes(_group(_bytes(info[2][0])).get(1, [b""])[0]))
    sizes = []
    for size in _group(_bytes(kind.get(2, [b""])[0])).get(1, []):
        sizes.append(_int(_group(_bytes(size)).get(1, [0])[0]))
    dtype = TYPES.get(_int(kind.get(1, [0])[0]), "")
    return _text(info, 1), (np.dtype(dtype).name if dtype else "", tuple(sizes))


def _array(tensor: Message, folder: Path) -> NDArray[Any]:
    """Return a tensor's values: raw, of another file, or in fields of their own."""
    dtype = np.dtype(TYPES[_int(tensor[2][0])])
    if tensor.get(14) == [EXTERNAL]:
        values = np.frombuffer(_external(tensor, folder), dtype)
    elif 9 in tensor:
        values = np.frombuffer(_bytes(tensor[9][0]), dtype)
    elif dtype.str in ("<f4", "<f8"):
        values = _floats(tensor, FIELDS[dtype.str], dtype)
    elif dtype.str == "<f2":  # the bits of each as a number
        values = np.array(_numbers(tensor, 5), "<u2").view(dtype)
    else:
        values = np.array(_numbers(tensor, FIELDS.get(dtype.str, 5))).astype(dtype)
    return values.reshape(_numbers(tensor, 1)).astype(dtype.newbyteorder("="))


def _floats(message: Message, number: int, dtype: Any) -> NDArray[Any]:
    """Return a repeated field of floats, packed or not."""
    return np.frombuffer(b"".join(_bytes(value) for value in message.get(number, [])), dtype)


def _external(tensor: Message, folder: Path) -> bytes:
    """Return a tensor's bytes from the file beside the model that it names."""
    pairs = [_group(_bytes(pair)) for pair in tensor.get(13, [])]
    stated = {_text(pair, 1): _text(pair, 2) for pair in pairs}
    name = stated["location"]
    if Path(name).name != name:
        raise ValueError(f"weights outside its folder: {name}")
    start = int(stated.get("offset", 0))
    content = read_bytes(folder / name)
    return content[start : start + int(stated.get("length", len(content)))]


def _numbers(message: Message, number: int) -> list[int]:
    """Return a repeated field of integers: writers may pack them into one field or not."""
    values: list[int] = []
    for value in message.get(number, []):
        values += [value] if isinstance(value, int) else [item for item, _ in _varints(value)]
    return [value - 2**64 if value >= 2**63 else value for value in values]


def _group(message: bytes) -> Message:
    fields: Message = {}
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


def _text(message: Message, number: int) -> str:
    return _bytes(message.get(number, [b""])[-1]).decode()
