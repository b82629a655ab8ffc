"""ReduceMean and ArgMax."""

from __future__ import annotations

import numpy as np

from cnnkit.graph.operators.base import (
    Arrays,
    Attributes,
    Constants,
    Einsum,
    Operator,
    Types,
    at,
    axes_of,
    axis_of,
    floating,
    given,
    integers,
    need,
    tensor,
)
from cnnkit.graph.types import Array, Shape, TensorType


def infer_mean(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the mean over some axes, or over all where none is named."""
    x = floating(types, 0)
    axes = _reduced(attributes, len(x.shape), constants)
    need(all(x.shape[axis] != 0 for axis in axes), f"it takes the mean of nothing, {x}")
    return [tensor(x.dtype, _kept(x.shape, axes, attributes["keepdims"]))]


def _reduced(attributes: Attributes, rank: int, constants: Constants) -> tuple[int, ...]:
    axes = integers(constants, 1) if len(constants) > 1 else ()
    if axes or attributes["noop_with_empty_axes"]:
        return axes_of(axes, rank)
    return tuple(range(rank))


def _kept(shape: Shape, axes: tuple[int, ...], keep: int) -> Shape:
    sizes = ((1 if axis in axes else size, axis in axes) for axis, size in enumerate(shape))
    return tuple(size for size, reduced in sizes if keep or not reduced)


def evaluate_mean(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the mean over some axes."""
    x = at(inputs, 0)
    axes = _reduced(attributes, x.ndim, inputs)
    return [np.asarray(x.mean(axis=axes, keepdims=bool(attributes["keepdims"])))]


def infer_arg_max(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the positions of the largest elements along an axis."""
    x = given(types, 0)
    axis = axis_of(attributes["axis"], len(x.shape))
    need(x.shape[axis] != 0, f"it looks for the largest of nothing, {x}")
    return [tensor("int64", _kept(x.shape, (axis,), attributes["keepdims"]))]


def evaluate_arg_max(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the position of the largest element along an axis, the first or the last of equals."""
    x, axis = at(inputs, 0), attributes["axis"]
    if attributes["select_last_index"]:
        found = x.shape[axis] - 1 - np.flip(x, axis).argmax(axis)
    else:
        found = x.argmax(axis)
    positions = np.asarray(found, np.int64)
    return [np.expand_dims(positions, axis) if attributes["keepdims"] else positions]


OPERATORS = {
    "ReduceMean": Operator(
        {"keepdims": 1, "noop_with_empty_axes": 0}, infer_mean, evaluate_mean, (1, 2)
    ),
    "ArgMax": Operator(
        {"axis": 0, "keepdims": 1, "select_last_index": 0}, infer_arg_max, evaluate_arg_max
    ),
}
