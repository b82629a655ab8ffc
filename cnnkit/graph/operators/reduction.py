"""Means, sums, largest and smallest elements over axes, and where the largest one is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    serial_mean,
    tensor,
)
from cnnkit.graph.types import Array, Shape, TensorType


def infer_mean(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the mean over some axes, or over all where none is named."""
    floating(types, 0)
    return infer_reduced(attributes, types, constants)


def infer_reduced(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of what is left of some axes, or of all where none is named."""
    x = given(types, 0)
    need(x.dtype != "bool", f"its input is {x}")
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


def rough_mean(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the mean over some axes, added up one element after another."""
    x = at(inputs, 0)
    axes = _reduced(attributes, x.ndim, inputs)
    mean = serial_mean(x, axes)
    return [mean if attributes["keepdims"] else mean.squeeze(axes)]


def over_axes(function: Callable[..., Array]) -> Operator:
    """Return the row of a NumPy function over axes, such as `np.sum`; integers stay integers."""

    def evaluate(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
        x = at(inputs, 0)
        axes, keep = _reduced(attributes, x.ndim, inputs), bool(attributes["keepdims"])
        return [np.asarray(function(x, axis=axes, keepdims=keep)).astype(x.dtype)]

    return Operator({**REDUCTION}, infer_reduced, evaluate, (1, 2))


def root_of_squares(x: Array, **options: Any) -> Array:
    """Return the Euclidean norm."""
    found: Array = np.sqrt(np.sum(x * x, **options))
    return found


def infer_arg_max(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the positions of the largest elements along an axis."""
    x = given(types, 0)
    axis = axis_of(attributes["axis"], len(x.shape))
    need(x.shape[axis] != 0, f"it looks for the largest of nothing, {x}")
    return [tensor("int64", _kept(x.shape, (axis,), attributes["keepdims"]))]


def evaluate_arg_max(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the position of the largest element along an axis, the first or the last of equals."""
    return _arg_max(at(inputs, 0), attributes)


def evaluate_arg_min(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the position of the smallest element along an axis."""
    return _arg_max(-at(inputs, 0), attributes)


def _arg_max(x: Array, attributes: Attributes) -> list[Array]:
    axis = attributes["axis"]
    if attributes["select_last_index"]:
        found = x.shape[axis] - 1 - np.flip(x, axis).argmax(axis)
    else:
        found = x.argmax(axis)
    positions = np.asarray(found, np.int64)
    return [np.expand_dims(positions, axis) if attributes["keepdims"] else positions]


REDUCTION: dict[str, Any] = {"keepdims": 1, "noop_with_empty_axes": 0}
POSITION: dict[str, Any] = {"axis": 0, "keepdims": 1, "select_last_index": 0}
OPERATORS = {
    "ReduceMean": Operator(REDUCTION, infer_mean, evaluate_mean, (1, 2), rough=rough_mean),
    "ReduceSum": over_axes(np.sum),
    "ReduceMax": over_axes(np.max),
    "ReduceMin": over_axes(np.min),
    "ReduceL1": over_axes(lambda x, **options: np.sum(np.abs(x), **options)),
    "ReduceL2": over_axes(root_of_squares),
    "ReduceSumSquare": over_axes(lambda x, **options: np.sum(x * x, **options)),
    "ArgMax": Operator(POSITION, infer_arg_max, evaluate_arg_max),
    "ArgMin": Operator(POSITION, infer_arg_max, evaluate_arg_min),
}
