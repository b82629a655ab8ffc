"""TensorProto as arrays: `read_tensor(message, folder)`, whatever field or file its values are in.

Types that NumPy has not are told by name, so that a file is refused only if it uses them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError, StorageError
from cnnkit.formats.onnx.messages import (
    Message,
    chunks,
    floats,
    int32,
    integers,
    submessages,
    text,
)
from cnnkit.system.files import read_part

# NumPy's types by TensorProto.DataType
TYPES = {
    **{1: "<f4", 2: "|u1", 3: "|i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8"},
    **{9: "|b1", 10: "<f2", 11: "<f8", 12: "<u4", 13: "<u8"},
}
# The others, and what a damaged file may say.
OTHERS = {
    **{0: "undefined", 8: "string", 14: "complex64", 15: "complex128", 16: "bfloat16"},
    **{17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz"},
    **{21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2"},
    **{27: "float6e2m3", 28: "float6e3m2"},
}
DIMS, DATA_TYPE, SEGMENT, NAME, RAW_DATA, EXTERNAL_DATA, LOCATION = 1, 2, 3, 8, 9, 13, 14
FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA = 4, 5, 7, 10, 11
INTEGER_FIELDS = {"<i8": INT64_DATA, "<u4": UINT64_DATA, "<u8": UINT64_DATA}  # else INT32_DATA
EXTERNAL = 1  # TensorProto.DataLocation.EXTERNAL


class Unread(NamedTuple):
    """A value of a kind that cnnkit does not read: "bfloat16 tensor"."""

    kind: str


def type_name(number: int) -> str:
    """Return a TensorProto.DataType in words: NumPy's where it has the type."""
    return np.dtype(TYPES[number]).name if number in TYPES else OTHERS.get(number, f"type {number}")


def is_external(tensor: Message) -> bool:
    """Tell whether a tensor's values are in another file."""
    return int32(tensor, LOCATION) == EXTERNAL


def read_tensor(tensor: Message, folder: Path) -> NDArray[Any] | Unread:
    """Return a tensor's values.

    Raises:
        ValueError, OverflowError: it contradicts itself.
        InputError: the file that it names is not in the model's folder.
        StorageError: that file cannot be read.
    """
    number = int32(tensor, DATA_TYPE)
    if number not in TYPES or SEGMENT in tensor:
        return Unread(f"{type_name(number)} tensor")
    dtype, shape = np.dtype(TYPES[number]), integers(tensor, DIMS)
    if min(shape, default=0) < 0:
        raise ValueError(f"a tensor of {shape}")
    if is_external(tensor):
        values = _external(tensor, folder, dtype, shape)
    elif raw := chunks(tensor, RAW_DATA):
        values = np.frombuffer(raw[-1], dtype)
    elif dtype.kind == "f" and dtype.itemsize > 2:
        field = FLOAT_DATA if dtype.itemsize == 4 else DOUBLE_DATA
        values = floats(tensor, field, dtype.str)
    else:
        values = _from_integers(tensor, dtype)
    return values.reshape(shape).astype(dtype.newbyteorder("="))


def _from_integers(tensor: Message, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values that stand as integers; of float16 these are its bits."""
    field = INTEGER_FIELDS.get(dtype.str, INT32_DATA)
    values = np.array(integers(tensor, field), np.int64)
    if field == INT32_DATA:
        values = values.astype(np.int32)  # as protobuf truncates them
    return values.astype("<u2").view(dtype) if dtype.kind == "f" else values.astype(dtype)


def _external(
    tensor: Message, folder: Path, dtype: np.dtype[Any], shape: list[int]
) -> NDArray[Any]:
    """Return the values in the file below the model's folder that a tensor names."""
    pairs = submessages(tensor, EXTERNAL_DATA)
    stated = {text(pair, 1): text(pair, 2) for pair in pairs}
    location = stated.get("location", "")
    path, inside = folder / location, folder.resolve()
    if not location:
        raise ValueError(f"{text(tensor, NAME)} in a file without a name")
    if ".." in Path(location).parts or not path.resolve().is_relative_to(inside):
        raise InputError(
            path,
            f"is named as the weights of a model in {folder}, and is not in that folder",
            "export the model again with its weights beside it, or in one file",
        )
    if not path.exists():
        raise StorageError(
            path, "is not there: a model beside it has its weights in it", "copy it there, too"
        )
    size = dtype.itemsize * int(np.prod(shape, dtype=object))
    start, length = int(stated.get("offset", 0)), int(stated.get("length", size))
    content = read_part(path, start, size) if start >= 0 and length == size else b""
    if len(content) != size:
        raise ValueError(f"{location} has not the {size} bytes of {text(tensor, NAME)}")
    return np.frombuffer(content, dtype)
