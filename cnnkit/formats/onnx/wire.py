"""Protobuf's wire format, strictly: `parse("ModelProto", content)["graph"]["node"]`.

A field that is not in `SCHEMA`, is of another wire type, or stands twice where there is one value,
is refused: protobuf would skip, merge or overwrite it (https://protobuf.dev/programming-guides/
encoding/). The numbers and names are those of onnx.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

VARINT, BYTES, FIXED32 = 0, 2, 5
INT64, INT32, FLOAT, TEXT, RAW = "int64", "int32", "float", "text", "raw"
WIRE = {INT64: VARINT, INT32: VARINT, FLOAT: FIXED32}  # of all others, BYTES
MANY = "*"  # behind the kind of a repeated field

# Fields by message: number, name, and kind, which is a message's name or one of those above. What
# cannot change a result (doc strings, a node's metadata, types of inner values) is left unparsed.
SCHEMA: dict[str, dict[int, tuple[str, str]]] = {
    "ModelProto": {
        1: ("ir_version", INT64),
        2: ("producer_name", TEXT),
        3: ("producer_version", TEXT),
        4: ("domain", TEXT),
        5: ("model_version", INT64),
        6: ("doc_string", TEXT),
        7: ("graph", "GraphProto"),
        8: ("opset_import", "OperatorSetIdProto*"),
        14: ("metadata_props", "StringStringEntryProto*"),
    },
    "OperatorSetIdProto": {1: ("domain", TEXT), 2: ("version", INT64)},
    "StringStringEntryProto": {1: ("key", TEXT), 2: ("value", TEXT)},
    "GraphProto": {
        1: ("node", "NodeProto*"),
        2: ("name", TEXT),
        5: ("initializer", "TensorProto*"),
        10: ("doc_string", TEXT),
        11: ("input", "ValueInfoProto*"),
        12: ("output", "ValueInfoProto*"),
        13: ("value_info", "raw*"),
    },
    "NodeProto": {
        1: ("input", "text*"),
        2: ("output", "text*"),
        3: ("name", TEXT),
        4: ("op_type", TEXT),
        5: ("attribute", "AttributeProto*"),
        6: ("doc_string", TEXT),
        7: ("domain", TEXT),
        9: ("metadata_props", "raw*"),
    },
    "AttributeProto": {
        1: ("name", TEXT),
        2: ("f", FLOAT),
        3: ("i", INT64),
        4: ("s", TEXT),
        5: ("t", "TensorProto"),
        7: ("floats", "float*"),
        8: ("ints", "int64*"),
        20: ("type", INT32),
    },
    "TensorProto": {
        1: ("dims", "int64*"),
        2: ("data_type", INT32),
        4: ("float_data", "float*"),
        5: ("int32_data", "int32*"),
        7: ("int64_data", "int64*"),
        8: ("name", TEXT),
        9: ("raw_data", RAW),
        13: ("external_data", "StringStringEntryProto*"),
        14: ("data_location", INT32),
    },
    "ValueInfoProto": {1: ("name", TEXT), 2: ("type", "TypeProto")},
    "TypeProto": {1: ("tensor_type", "TypeProto.Tensor")},
    "TypeProto.Tensor": {1: ("elem_type", INT32), 2: ("shape", "TensorShapeProto")},
    "TensorShapeProto": {1: ("dim", "Dimension*")},
    "Dimension": {1: ("dim_value", INT64), 2: ("dim_param", TEXT)},
}
# What else ONNX has, and no file of cnnkit's.
OTHERS = {
    ("ModelProto", 20): "training information",
    ("ModelProto", 25): "functions of its own",
    ("GraphProto", 14): "quantisation annotations",
    ("GraphProto", 15): "sparse initialisers",
    ("AttributeProto", 6): "a graph in a node",
    ("AttributeProto", 11): "graphs in a node",
    ("AttributeProto", 21): "an attribute that refers to a function's",
}


class OddFileError(ValueError):
    """A file that has no single meaning, or not the network's; the text is the reason."""


def parse(message: str, content: bytes) -> Message:
    """Return a message's fields by name, repeated ones as lists, however many there are.

    Raises:
        OddFileError: it has another field, a field twice, or is damaged.
    """
    schema = SCHEMA[message]
    found: Message = {name: [] for name, kind in schema.values() if kind.endswith(MANY)}
    for number, wire, value in _fields(content):
        if number not in schema:
            what = OTHERS.get((message, number), f"the field {number} in a {message}")
            raise OddFileError(f"it has {what}, which no file of cnnkit's has")
        name, kind = schema[number]
        single = kind.removesuffix(MANY)
        expected = WIRE.get(single, BYTES)
        if kind.endswith(MANY) and expected != BYTES and wire == BYTES:
            found[name] += [_value(single, item) for item in _packed(expected, value)]
        elif wire != expected:
            raise OddFileError(f"its {message}.{name} is of another type than ONNX's")
        elif kind.endswith(MANY):
            found[name].append(_value(single, value))
        elif name in found:
            raise OddFileError(f"its {message}.{name} stands twice")
        else:
            found[name] = _value(single, value)
    return found


def _value(kind: str, value: Any) -> Any:
    if kind in SCHEMA:
        return parse(kind, value)
    if kind == RAW:
        return value
    if kind == TEXT:
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise OddFileError("it has a text that is not UTF-8") from error
    if kind == FLOAT:
        return struct.unpack("<f", value)[0]
    number = value - 2**64 if value >= 2**63 else value
    if kind == INT32 and not -(2**31) <= number < 2**31:
        raise OddFileError("it has a number that does not fit into its field")
    return number


def _packed(wire: int, content: bytes) -> Iterator[Any]:
    position = 0
    while position < len(content):
        value, position = _scalar(wire, content, position)
        yield value


def _fields(content: bytes) -> Iterator[tuple[int, int, Any]]:
    """Yield number, wire type and value of each field."""
    position = 0
    while position < len(content):
        key, position = _varint(content, position)
        number, wire = key >> 3, key & 7
        if not number or key >= 2**32 or wire not in (VARINT, BYTES, FIXED32, 1):
            raise OddFileError("it is not a protobuf message that every reader understands")
        value, position = _scalar(wire, content, position)
        yield number, wire, value


def _scalar(wire: int, content: bytes, position: int) -> tuple[Any, int]:
    if wire == VARINT:
        return _varint(content, position)
    size = {FIXED32: 4, 1: 8}.get(wire)
    if size is None:
        size, position = _varint(content, position)
    if position + size > len(content):
        raise OddFileError("it is truncated")
    return content[position : position + size], position + size


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(content):
            raise OddFileError("it is truncated")
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    else:
        value = 2**64
    if value >= 2**64:
        raise OddFileError("it has a number that does not fit into its field")
    return value, position
