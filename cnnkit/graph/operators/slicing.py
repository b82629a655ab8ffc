"""Operators that take parts of a tensor: Slice and Split."""

from __future__ import annotations

from cnnkit.graph.operators.base import (
    MANY,
    Arrays,
    Attributes,
    Constants,
    Einsum,
    Operator,
    Types,
    at,
    axis_of,
    given,
    integers,
    need,
    tensor,
)
from cnnkit.graph.types import FREE, Array, Size, TensorType

CUTS_IMAGES = "it would leave images out"
FAR = 2**62  # an end beyond any axis


def slices(inputs: Constants, rank: int) -> dict[int, slice]:
    """Return the part that a Slice takes of each axis that it names."""
    starts, ends = integers(inputs, 1), integers(inputs, 2)
    given_axes = len(inputs) > 3 and inputs[3] is not None
    axes = integers(inputs, 3) if given_axes else tuple(range(len(starts)))
    steps = integers(inputs, 4) if len(inputs) > 4 else (1,) * len(starts)
    need(
        len(starts) == len(ends) == len(axes) == len(steps), "its starts, ends, axes, steps differ"
    )
    need(0 not in steps, "one of its steps is 0")
    found = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        backwards = step < 0 and end < -FAR  # past the first element
        found[axis_of(axis, rank)] = slice(start, None if backwards else end, step)
    need(len(found) == len(axes), f"its axes {list(axes)} name one twice")
    return found


def infer_slice(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of a part of each axis."""
    x = given(types, 0)
    shape: list[Size] = list(x.shape)
    for axis, part in slices(constants, len(shape)).items():
        size = shape[axis]
        if isinstance(size, int):
            shape[axis] = len(range(*part.indices(size)))
        else:
            whole = part.start == 0 and part.step == 1 and part.stop >= 2**31 - 1
            need(whole, CUTS_IMAGES, "export the model with the images as the first axis")
    return [tensor(x.dtype, tuple(shape))]


def evaluate_slice(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return a part of each axis."""
    x = at(inputs, 0)
    parts = slices(inputs, x.ndim)
    return [x[tuple(parts.get(axis, slice(None)) for axis in range(x.ndim))]]


def parts_of(inputs: Constants, size: int) -> tuple[int, ...]:
    """Return the sizes of a Split's results."""
    sizes = integers(inputs, 1)
    fits = sum(sizes) == size and min(sizes, default=0) >= 0
    need(fits, f"its parts {list(sizes)} are not its axis of {size}")
    return sizes


def infer_split(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the types of parts that lie behind one another along an axis."""
    x = given(types, 0)
    axis = axis_of(attributes["axis"], len(x.shape))
    size = x.shape[axis]
    need(size != FREE, CUTS_IMAGES, "export the model with the images as the first axis")
    sizes = parts_of(constants, int(size))
    return [tensor(x.dtype, (*x.shape[:axis], part, *x.shape[axis + 1 :])) for part in sizes]


def evaluate_split(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the parts."""
    x = at(inputs, 0)
    axis, first, found = attributes["axis"] % x.ndim, 0, []
    for part in parts_of(inputs, x.shape[axis]):
        found.append(x[(slice(None),) * axis + (slice(first, first + part),)])
        first += part
    return found


OPERATORS = {
    "Slice": Operator({}, infer_slice, evaluate_slice, (3, 5)),
    "Split": Operator({"axis": 0}, infer_split, evaluate_split, (2, 2), outputs=MANY),
}
