"""Operators that move elements: Flatten, Reshape, Squeeze, Unsqueeze, Transpose, Concat, Pad."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnkit.graph.operators.base import (
    MANY,
    Arrays,
    Attributes,
    Constants,
    Einsum,
    Operator,
    Types,
    at,
    axes_of,
    axis_of,
    given,
    integers,
    need,
    tensor,
)
from cnnkit.graph.types import FREE, LARGEST, Array, Shape, Size, TensorType, count

MIXED = "it would put elements of several images together"
KEEP_IMAGES = "export the model with the images as the first axis"


def infer_flatten(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of two axes, those before `axis` and those from it on."""
    x = given(types, 0)
    axis, rank = attributes["axis"], len(x.shape)
    need(-rank <= axis <= rank, f"its axis {axis} is not one of {rank} axes")
    axis = axis + rank if axis < 0 else axis
    return [tensor(x.dtype, (_joined(x.shape[:axis]), _joined(x.shape[axis:])))]


def _joined(sizes: Shape) -> Size:
    """Return the size of several axes as one."""
    if FREE not in sizes:
        return count(sizes)
    need(sizes.count(FREE) == 1 and count(sizes) == 1, MIXED, KEEP_IMAGES)
    return FREE


def evaluate_flatten(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the elements along two axes."""
    x = at(inputs, 0)
    axis = attributes["axis"] + x.ndim if attributes["axis"] < 0 else attributes["axis"]
    return [x.reshape(math.prod(x.shape[:axis]), -1 if x.size else math.prod(x.shape[axis:]))]


def infer_reshape(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the same elements along other axes: 0 keeps a size, -1 is what is left."""
    x, wanted = given(types, 0), integers(constants, 1)
    copies = not attributes["allowzero"]
    need(
        wanted.count(-1) <= 1 and min(wanted, default=0) >= -1, f"its shape {list(wanted)} is none"
    )
    shape: list[Size] = []
    for axis, size in enumerate(wanted):
        need(size != 0 or not copies or axis < len(x.shape), f"its input {x} has no axis {axis}")
        shape.append(x.shape[axis] if size == 0 and copies else size)
    known = [size for size in shape if size != -1]
    free = x.shape.count(FREE) - known.count(FREE)
    elements, others = count(x.shape), count(tuple(known))
    reason = f"it shapes {x} to {list(wanted)}"
    if -1 in wanted:
        left = elements // others if others else 0
        need(others > 0 and left * others == elements, reason)
        need(free == 0 or (free == 1 and left == 1), f"{reason}: {MIXED}", KEEP_IMAGES)
        shape[wanted.index(-1)] = FREE if free else left
    else:
        frozen = f"{reason}, with a fixed number of images"
        need(free == 0, frozen, "export the model with a free number of images (dynamic axes)")
        need(elements == others, reason)
    return [tensor(x.dtype, tuple(shape))]


def evaluate_reshape(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the elements along other axes."""
    x, wanted = at(inputs, 0), at(inputs, 1).tolist()
    copies = not attributes["allowzero"]
    return [
        x.reshape([x.shape[i] if size == 0 and copies else size for i, size in enumerate(wanted)])
    ]


def infer_squeeze(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type without some axes of size 1; without all of them where none is named."""
    x = given(types, 0)
    axes = _squeezed(x.shape, constants)
    for axis in axes:
        need(x.shape[axis] == 1, f"its axis {axis} of {x} is not 1")
    return [TensorType(x.dtype, tuple(s for i, s in enumerate(x.shape) if i not in axes))]


def _squeezed(shape: Shape, constants: Constants) -> tuple[int, ...]:
    if len(constants) > 1:
        return axes_of(integers(constants, 1), len(shape))
    need(FREE not in shape, "it names no axes, so that one image alone would lose its axis")
    return tuple(axis for axis, size in enumerate(shape) if size == 1)


def evaluate_squeeze(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the elements without some axes of size 1."""
    x = at(inputs, 0)
    return [x.squeeze(_squeezed(x.shape, inputs))]


def infer_unsqueeze(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type with axes of size 1 put in."""
    x, axes = given(types, 0), integers(constants, 1)
    rank = len(x.shape) + len(axes)
    put, sizes = axes_of(axes, rank), iter(x.shape)
    return [TensorType(x.dtype, tuple(1 if i in put else next(sizes) for i in range(rank)))]


def evaluate_unsqueeze(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the elements with axes of size 1 put in."""
    return [np.expand_dims(at(inputs, 0), tuple(at(inputs, 1).ravel().tolist()))]


def infer_transpose(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type with its axes in another order; reversed where none is given."""
    x = given(types, 0)
    order = attributes["perm"] or tuple(reversed(range(len(x.shape))))
    need(
        sorted(order) == list(range(len(x.shape))),
        f"its perm {list(order)} is not an order of the axes of {x}",
    )
    return [TensorType(x.dtype, tuple(x.shape[axis] for axis in order))]


def evaluate_transpose(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the elements with the axes in another order."""
    return [at(inputs, 0).transpose(attributes["perm"] or None)]


def infer_concat(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of tensors behind one another along an axis."""
    first = given(types, 0)
    axis, total = axis_of(attributes["axis"], len(first.shape)), 0
    for index in range(len(types)):
        x = given(types, index)
        alike = (
            x.dtype == first.dtype
            and len(x.shape) == len(first.shape)
            and all(i == axis or s == first.shape[i] for i, s in enumerate(x.shape))
        )
        need(alike, f"its inputs {first} and {x} differ beside axis {axis}")
        size = x.shape[axis]
        need(isinstance(size, int), MIXED, KEEP_IMAGES)
        total += int(size)
    return [tensor(first.dtype, (*first.shape[:axis], total, *first.shape[axis + 1 :]))]


def evaluate_concat(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the tensors behind one another."""
    return [np.concatenate([at(inputs, i) for i in range(len(inputs))], attributes["axis"])]


MODES = ("constant", "edge", "reflect", "wrap")


def infer_pad(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x with pads put around it; negative ones cut off."""
    x, pads, mode = given(types, 0), integers(constants, 1), attributes["mode"]
    rank = len(x.shape)
    need(mode in MODES, f"its mode {mode!r} is not one of {', '.join(MODES)}")
    need(len(pads) == 2 * rank, f"its pads are {len(pads)}, not two for each of {rank} axes")
    if len(types) > 2 and types[2] is not None:
        fill = types[2]
        need(fill.dtype == x.dtype and fill.shape in ((), (1,)), f"it pads {x} with {fill}")
    sizes = []
    for size, before, after in zip(x.shape, pads[:rank], pads[rank:], strict=True):
        need(isinstance(size, int) or before == after == 0, MIXED, KEEP_IMAGES)
        reach = size - 1 if mode == "reflect" and isinstance(size, int) else size
        repeats = mode == "constant" or not isinstance(reach, int) or max(before, after) <= reach
        need(
            repeats and max(abs(before), abs(after)) <= LARGEST, f"its pads {list(pads)} exceed {x}"
        )
        sizes.append(size + before + after if isinstance(size, int) else size)
        cut = min(before, 0) + min(after, 0)
        need(not isinstance(size, int) or size + cut >= 0, f"its pads cut more than {x} off")
    return [tensor(x.dtype, tuple(sizes))]


def evaluate_pad(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Cut off what negative pads say, then put the others around."""
    x, pads = at(inputs, 0), at(inputs, 1).tolist()
    sides = list(zip(pads[: x.ndim], pads[x.ndim :], strict=True))
    cut = tuple(
        slice(max(0, -before), size - max(0, -after))
        for size, (before, after) in zip(x.shape, sides, strict=True)
    )
    options: dict[str, Any] = {"mode": attributes["mode"]}
    if attributes["mode"] == "constant" and len(inputs) > 2 and inputs[2] is not None:
        options["constant_values"] = inputs[2].reshape(())
    return [np.pad(x[cut], [(max(0, a), max(0, b)) for a, b in sides], **options)]


OPERATORS = {
    "Flatten": Operator({"axis": 1}, infer_flatten, evaluate_flatten),
    "Reshape": Operator({"allowzero": 0}, infer_reshape, evaluate_reshape, (2, 2)),
    "Squeeze": Operator({}, infer_squeeze, evaluate_squeeze, (1, 2)),
    "Unsqueeze": Operator({}, infer_unsqueeze, evaluate_unsqueeze, (2, 2)),
    "Transpose": Operator({"perm": ()}, infer_transpose, evaluate_transpose),
    "Concat": Operator({"axis": int}, infer_concat, evaluate_concat, (1, MANY)),
    "Pad": Operator({"mode": "constant"}, infer_pad, evaluate_pad, (2, 3)),
}
