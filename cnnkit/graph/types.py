"""Types of tensors whose number of images is free: `TensorType("float32", ("N", 3, 32, 32))`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FREE = "N"  # the number of images, the only size that may be left open
LARGEST = 2**27  # elements of a tensor of one image: more is damage, or beyond these machines

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *INTEGERS, *FLOATS)

Size = int | str
Shape = tuple[Size, ...]
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class TensorType:
    """What is known of a tensor before the graph runs.

    Attributes:
        dtype: NumPy's name, one of DTYPES.
        shape: sizes, outermost first; FREE is the number of images.
    """

    dtype: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    @property
    def is_float(self) -> bool:
        """Whether it holds floating-point numbers."""
        return self.dtype in FLOATS

    @classmethod
    def of(cls, array: Array) -> TensorType:
        """Return the type of an array."""
        return cls(array.dtype.name, array.shape)


def count(shape: Shape) -> int:
    """Return the number of elements for one image."""
    return math.prod(size for size in shape if isinstance(size, int))


def fits(expected: Shape, found: tuple[int, ...]) -> int | None:
    """Return the number of images of a shape that fits (1 where none is free), else None."""
    if len(expected) != len(found):
        return None
    free = {size for want, size in zip(expected, found, strict=True) if want == FREE}
    same = all(want in (FREE, size) for want, size in zip(expected, found, strict=True))
    if not same or len(free) > 1:
        return None
    return free.pop() if free else 1


def widen(array: Array) -> Array:
    """Return floating-point numbers as float64, others as they are."""
    if array.dtype.kind != "f":
        return array
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        return array.astype(np.float64)


def narrow(array: Array, dtype: str) -> Array:
    """Return numbers as their own type; what it cannot hold becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(dtype)
