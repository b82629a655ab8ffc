"""Arrays of numbers in a MATLAB 5 file, which SVHN is published as: `read_mat(content, path)["X"]`.

The format is MathWorks' "MAT-File Format", level 5: a header of 128 bytes, then elements, each a
type, a size and content, often compressed by zlib. Anything but arrays of numbers is left out.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError

Array = NDArray[Any]
HEADER, LARGEST = 128, 2**31  # bytes; SVHN's larger file has 184 million
MATRIX, COMPRESSED = 14, 15
TYPES = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8"}
NUMBERS = range(6, 14)  # classes of arrays: double to uint32
REMEDY = "download the file again"


def read_mat(content: bytes, subject: object) -> dict[str, Array]:
    """Return the arrays of a file by name.

    Raises:
        InputError: it is no such file, or damaged; `subject` names it.
    """
    if content[124:128] != b"\x00\x01IM":
        raise InputError(subject, "is not a MATLAB 5 file of a little-endian machine", REMEDY)
    arrays = {}
    try:
        for kind, body in _elements(content[HEADER:]):
            if kind == COMPRESSED:
                unpacker = zlib.decompressobj()
                unpacked = unpacker.decompress(body, LARGEST)
                if unpacker.unconsumed_tail:
                    raise ValueError(f"more than {LARGEST:,} bytes in an element")
                ((kind, body),) = _elements(unpacked)
            if kind == MATRIX:
                arrays.update(_matrix(body))
    except (ValueError, struct.error, zlib.error, KeyError) as error:
        raise InputError(subject, f"is a damaged MATLAB file ({error})", REMEDY) from error
    return arrays


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of elements that stand behind one another."""
    place = 0
    while place < len(content):
        kind, size = struct.unpack_from("<II", content, place)
        start = place + 8
        if kind >> 16:  # a small element: its size, type and content in eight bytes
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        if start + size > len(content):
            raise ValueError("it ends inside an element")
        yield kind, content[start : start + size]
        place = max(start + size, place + 8)
        place += 0 if kind == COMPRESSED else -place % 8


def _matrix(body: bytes) -> dict[str, Array]:
    flags, sizes, name, *parts = _elements(body)
    if flags[1][0] not in NUMBERS or not parts:
        return {}
    shape = np.frombuffer(sizes[1], "<i4").tolist()
    values = np.frombuffer(parts[0][1], TYPES[parts[0][0]])
    if len(values) != math.prod(shape):
        raise ValueError(f"{len(values)} numbers for a shape of {shape}")
    return {name[1].decode(errors="replace"): values.reshape(shape, order="F")}
