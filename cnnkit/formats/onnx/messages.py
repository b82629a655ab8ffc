"""Protobuf's wire format: `text(parse(content), 2)` is the string in field 2 of a message.

As protobuf reads it: of a field that stands twice the last value counts, parts of a message are
merged, repeated numbers may be packed or not, and a field of another wire type is an unknown one
(https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SIZES = {FIXED32: 4, FIXED64: 8}

Content = bytes | memoryview
Message = dict[int, list[tuple[int, int | memoryview]]]  # wire types and values by field number


def parse(content: Content) -> Message:
    """Return the fields of a message.

    Raises:
        ValueError, IndexError: it is no message, or breaks off.
    """
    found: Message = {}
    for number, wire, value in fields(memoryview(content)):
        found.setdefault(number, []).append((wire, value))
    return found


def integers(message: Message, number: int) -> list[int]:
    """Return a repeated field of signed integers."""
    values: list[int] = []
    for wire, value in message.get(number, []):
        if wire == VARINT and isinstance(value, int):
            values.append(value)
        elif wire == BYTES and isinstance(value, memoryview):
            values += _packed(value)
    return [value - 2**64 if value >= 2**63 else value for value in values]


def integer(message: Message, number: int, default: int = 0) -> int:
    """Return a signed integer."""
    found = [v for wire, v in message.get(number, []) if wire == VARINT and isinstance(v, int)]
    if not found:
        return default
    return found[-1] - 2**64 if found[-1] >= 2**63 else found[-1]


def int32(message: Message, number: int) -> int:
    """Return an integer of which protobuf keeps 32 bits: 0 where there is none."""
    return (integer(message, number) + 2**31) % 2**32 - 2**31


def chunks(message: Message, number: int, wire: int = BYTES) -> list[memoryview]:
    """Return every value of a field that is bytes, a message, or a number of fixed size."""
    found = message.get(number, [])
    return [value for kind, value in found if kind == wire and isinstance(value, memoryview)]


def text(message: Message, number: int, errors: str = "strict") -> str:
    """Return a string."""
    found = chunks(message, number)
    return str(found[-1], "utf-8", errors) if found else ""


def submessage(message: Message, number: int) -> Message:
    """Return a message within a message, an empty one where there is none."""
    return parse(b"".join(chunks(message, number)))  # that is how protobuf merges


def submessages(message: Message, number: int) -> list[Message]:
    """Return a repeated field of messages."""
    return [parse(content) for content in chunks(message, number)]


def floats(message: Message, number: int, dtype: str = "<f4") -> NDArray[Any]:
    """Return a repeated field of float or double."""
    size = np.dtype(dtype).itemsize
    fixed = FIXED32 if size == 4 else FIXED64
    found = [value for wire, value in message.get(number, []) if wire in (BYTES, fixed)]
    return np.frombuffer(b"".join(v for v in found if isinstance(v, memoryview)), dtype)


def fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield number, wire type and value of each field, in the order of the message."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if not number:
            raise ValueError("field 0")
        if wire == VARINT:
            value, position = _varint(message, position)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, position = _varint(message, position)
        elif wire in SIZES:
            size = SIZES[wire]
        else:
            raise ValueError(f"wire type {wire} at byte {position}")
        if position + size > len(message):
            raise ValueError(f"field {number} runs past the end")
        yield number, wire, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[position]  # IndexError: the message breaks off
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise ValueError("a number of more than ten bytes")


def _packed(message: memoryview) -> Iterator[int]:
    position = 0
    while position < len(message):
        value, position = _varint(message, position)
        yield value
