"""What the two files of the C format hold of a network, however its code is made: `Body(...)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.c.literals import array, text_array
from cnnkit.graph.program.steps import FLOAT

# Compilers take two microseconds and 250 bytes for each number of an array. A network of more
# parameters than MANY has its arrays of more than LONG as text.
MANY, LONG = 1 << 20, 1 << 12
TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int32": "int32_t"}  # the others are float

TEXTS_START = """\
/* Large arrays are strings of the bytes of their floats, which compilers read faster. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the parameters in this file are little-endian"
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif
"""
TEXTS_END = """\
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
"""


@dataclass(frozen=True)
class Body:
    """A network as C, and what the header says of it.

    Attributes:
        method: how the code works, in lines for people.
        arrays: the parameters, by the names of their definitions.
        functions: the last of them is `run(pixels, logits)`, or with an arena before these two.
        parameters: how many there are.
        constant_bytes: of all constants in `arrays` and `functions`.
        stack_bytes: of the largest arrays that exist together during a call.
        arena: floats, or bytes, that a call needs beside the stack; 0 if it keeps everything there.
        largest: what takes most of it, a line each.
        notes: comments for the end of the header.
        graph: the network as a comment for the end of the source, if nothing else says it.
        element: the type of the arena's elements: "float" or "uint8_t".
        exact: the logits that the golden images give to the bit, [16, K], if there are such.
    """

    method: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]
    functions: str
    parameters: int
    constant_bytes: int
    stack_bytes: int
    arena: int = 0
    largest: tuple[str, ...] = ()
    notes: str = ""
    graph: str = ""
    element: str = "float"
    exact: NDArray[np.float32] | None = None

    def definitions(self) -> Iterator[str]:
        """Yield the definitions of the parameters: text, several times as large as they are."""
        texts = [name for name in self.arrays if self._is_text(name)]
        if texts:
            yield TEXTS_START
        for name, values in self.arrays.items():
            kind = TYPES.get(values.dtype.name, "float")
            if name in texts:
                yield text_array(name, values.ravel())
            else:
                yield array(kind, name, values.ravel())
        if texts:
            yield TEXTS_END

    def _is_text(self, name: str) -> bool:
        values = self.arrays[name]
        floats = values.dtype.name not in TYPES
        return floats and self.parameters > MANY and values.size > LONG

    @property
    def ram_bytes(self) -> int:
        """Bytes of memory that a call needs."""
        return self.stack_bytes + self.arena_bytes

    @property
    def arena_bytes(self) -> int:
        """Bytes of the arena."""
        return self.arena * (FLOAT if self.element == "float" else 1)
