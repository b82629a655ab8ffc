"""Lowered graphs in the engine for any graph: `make_network(lower(graph), (3, 32, 32))`."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np

from cnnkit import _core
from cnnkit.graph.program import Program
from cnnkit.graph.program.steps import Number, Place

ProgramNetwork = _core.ProgramNetwork
ByteNetwork = _core.ByteNetwork
FLOAT = 4  # bytes, by which buffers begin


def make_network(
    program: Program, size: tuple[int, int, int], isa: str | None = None
) -> _core.ProgramNetwork:
    """Return a program that is ready to run.

    Args:
        program: what `lower` made.
        size: C, H, W of an image.
        isa: an instruction set; None is the best one.
    """
    constants = [np.ascontiguousarray(a, np.float32).ravel() for a in program.constants.values()]
    classes = program.sizes[program.result]
    sizes, offsets = list(program.sizes), list(program.offsets)
    return _core.ProgramNetwork(
        size,
        classes,
        _steps(program),
        constants,
        sizes,
        offsets,
        program.arena,
        program.result,
        isa,
    )


def make_integer_network(
    program: Program, size: tuple[int, int, int], isa: str | None = None
) -> _core.ByteNetwork:
    """Return a program of integers that is ready to run.

    Args:
        program: what `lower_integers` made.
        size: C, H, W of an image.
        isa: an instruction set; None is the best one.
    """
    constants = [np.ascontiguousarray(array).tobytes() for array in program.constants.values()]
    (classes,) = program.steps[-1].shape
    sizes, offsets = list(program.sizes), list(program.offsets)
    end = -(-program.arena // FLOAT) * FLOAT
    sizes[program.result], offsets[program.result] = FLOAT * classes, end
    arena, result = end + FLOAT * classes, program.result
    return _core.ByteNetwork(
        size, classes, _steps(program), constants, sizes, offsets, arena, result, isa
    )


def _steps(program: Program) -> list[tuple[str, bytes, list[int], int]]:
    """Return the steps of a program as the extension takes them."""
    numbers = {name: -2 - index for index, name in enumerate(program.constants)}

    def place(value: Place) -> int:
        return -1 if value is None else value if isinstance(value, int) else numbers[value]

    return [
        (step.kernel, _pack_fields(step.numbers.values()), [*map(place, step.inputs)], step.output)
        for step in program.steps
    ]


def _pack_fields(fields: Iterable[Number]) -> bytes:
    """Return the bytes of a kernel's structure: ints and floats of four bytes each."""
    values: list[int | float] = []
    for field in fields:
        values += field if isinstance(field, tuple) else [field]
    kinds = "".join("i" if isinstance(value, int) else "f" for value in values)
    return struct.pack(f"={kinds}", *values)
