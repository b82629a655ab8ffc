"""Operators that work on each element: arithmetic with broadcast, Relu, Clip, Cast and no-ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnkit.graph.operators.base import (
    CORRECT,
    MANY,
    Arrays,
    Attributes,
    Constants,
    Einsum,
    NodeError,
    Operator,
    Types,
    at,
    given,
    need,
    tensor,
)
from cnnkit.graph.types import DTYPES, Array, Shape, Size, TensorType, narrow


def broadcast(shapes: list[Shape]) -> Shape:
    """Return the shape of several that are broadcast together, as NumPy does it.

    Raises:
        NodeError: they do not fit, or one repeats along the free number of images.
    """
    rank = max(map(len, shapes))
    longest = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_broadcast_size(sizes, shapes) for sizes in zip(*longest, strict=True))


def _broadcast_size(sizes: tuple[Size, ...], shapes: list[Shape]) -> Size:
    distinct = {size for size in sizes if size != 1}
    if len(distinct) > 1:
        shown = " and ".join(str(list(shape)) for shape in shapes)
        raise NodeError(f"its inputs {shown} do not fit", CORRECT)
    return distinct.pop() if distinct else 1


def infer_arithmetic(
    attributes: Attributes, types: Types, constants: Constants
) -> list[TensorType]:
    """Return the broadcast type of numbers.

    A float64 scalar takes the other floating-point type, as PyTorch promotes 0-dimensional tensors:
    so a pixel scale of 1/255 stays exact for the reference.
    """
    found = [given(types, index) for index in range(len(types))]
    shaped = [t for t in found if t != TensorType("float64", ())]
    first = (shaped or found)[0]
    weak = len(shaped) < len(found) and not first.is_float
    need(
        not weak and all(t.dtype == first.dtype for t in shaped) and first.dtype != "bool",
        f"its inputs are {' and '.join(map(str, found))}",
        "put a Cast before it",
    )
    return [tensor(first.dtype, broadcast([t.shape for t in found]))]


def arithmetic(function: Callable[[Array, Array], Array]) -> Operator:
    """Return the row of a binary function."""

    def evaluate(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
        return [function(at(inputs, 0), at(inputs, 1))]

    return Operator({}, infer_arithmetic, evaluate, (2, 2))


def divide(a: Array, b: Array) -> Array:
    """Divide; integers are rounded towards zero, as C does it."""
    if a.dtype.kind == "f":
        quotient: Array = a / b
        return quotient
    whole, rest = np.divmod(a, b)
    found: Array = whole + ((rest != 0) & ((rest < 0) != (a < 0))).astype(a.dtype)
    return found


def evaluate_sum(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Add any number of tensors, from the left."""
    total = at(inputs, 0)
    for index in range(1, len(inputs)):
        total = total + at(inputs, index)
    return [total]


def infer_same(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the input's type."""
    return [given(types, 0)]


def infer_relu(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the input's type, which must be signed numbers."""
    x = given(types, 0)
    need(x.is_float or x.dtype.startswith("int"), f"its input is {x}")
    return [x]


def evaluate_relu(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return max(x, 0); NaN stays NaN."""
    return [np.maximum(at(inputs, 0), 0)]


def infer_clip(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x, whose limits are scalars or left out."""
    x = given(types, 0)
    need(x.dtype != "bool", f"its input is {x}")
    for limit in types[1:]:
        fits = limit is None or (limit.dtype == x.dtype and limit.shape in ((), (1,)))
        need(fits, f"its limit is {limit}, not one {x.dtype}")
    return [x]


def evaluate_clip(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return min(max(x, lower), upper): the upper limit wins over a larger lower one."""
    x, lower, upper = (*inputs, None, None)[:3]
    assert x is not None
    if lower is not None:
        x = np.maximum(x, lower.reshape(()))
    return [x if upper is None else np.minimum(x, upper.reshape(()))]


def infer_cast(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the elements as another one."""
    to = attributes["to"]
    need(to in DTYPES, f"its type {to!r} is not one of {', '.join(DTYPES)}")
    return [TensorType(to, given(types, 0).shape)]


def evaluate_cast(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Convert: whole numbers of floats towards zero; floats stay float64.

    What float16 loses is a thousand times what float32 does, and so part of the answer.
    """
    to, array = np.dtype(attributes["to"]), at(inputs, 0)
    if to == np.float16:
        array = narrow(array, "float16")
    return [array.astype(np.float64 if to.kind == "f" else to)]


def evaluate_identity(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the input."""
    return [at(inputs, 0)]


def infer_dropout(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x, and of the mask of what was kept: all of it."""
    x, ratio = given(types, 0), types[1] if len(types) > 1 else None
    need(ratio is None or (ratio.is_float and ratio.shape == ()), f"its ratio is {ratio}")
    return [x, TensorType("bool", x.shape)]


def evaluate_dropout(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the input, as in inference."""
    x = at(inputs, 0)
    return [x, np.ones(x.shape, np.bool_)]


_numbers: Any = np  # ufuncs, whose stubs know too many types
OPERATORS = {
    "Add": arithmetic(_numbers.add),
    "Sub": arithmetic(_numbers.subtract),
    "Mul": arithmetic(_numbers.multiply),
    "Div": arithmetic(divide),
    "Sum": Operator({}, infer_arithmetic, evaluate_sum, (1, MANY)),
    "Relu": Operator({}, infer_relu, evaluate_relu),
    "Clip": Operator({}, infer_clip, evaluate_clip, (1, 3)),
    "Cast": Operator({"to": str}, infer_cast, evaluate_cast),
    "Identity": Operator({}, infer_same, evaluate_identity),
    "Dropout": Operator({}, infer_dropout, evaluate_dropout, (1, 2), outputs=2),
}
