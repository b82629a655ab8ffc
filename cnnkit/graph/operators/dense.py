"""Gemm, MatMul, Softmax and LogSoftmax."""

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
    axis_of,
    floating,
    given,
    need,
    tensor,
)
from cnnkit.graph.operators.elementwise import broadcast
from cnnkit.graph.types import Array, TensorType


def infer_gemm(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of alpha · A'B' + beta · C."""
    a, b = given(types, 0), given(types, 1)
    need(len(a.shape) == len(b.shape) == 2, f"its inputs are {a} and {b}, not two matrices")
    need(a.dtype == b.dtype and a.dtype != "bool", f"its inputs are {a} and {b}")
    rows, inner = reversed(a.shape) if attributes["transA"] else a.shape
    inner_b, columns = reversed(b.shape) if attributes["transB"] else b.shape
    need(inner == inner_b, f"it takes {inner_b} values, and its input has {inner}")
    if len(types) > 2 and types[2] is not None:
        c = types[2]
        fits = c.dtype == a.dtype and broadcast([c.shape, (rows, columns)]) == (rows, columns)
        need(fits, f"its input 2 is {c}, and the product [{rows}, {columns}]")
    return [tensor(a.dtype, (rows, columns))]


def evaluate_gemm(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return alpha · A'B' + beta · C."""
    subscripts = f"{'fn' if attributes['transA'] else 'nf'},"
    subscripts += f"{'kf' if attributes['transB'] else 'fk'}->nk"
    y = einsum(subscripts, at(inputs, 0), at(inputs, 1))
    if attributes["alpha"] != 1.0:
        y = y * attributes["alpha"]
    if len(inputs) > 2 and inputs[2] is not None:
        c = inputs[2]
        y = y + (c if attributes["beta"] == 1.0 else c * attributes["beta"])
    return [y]


def infer_matmul(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the product of matrices, whose axes before the last two are broadcast."""
    a, b = given(types, 0), given(types, 1)
    need(a.dtype == b.dtype and a.dtype != "bool", f"its inputs are {a} and {b}")
    need(len(a.shape) > 0 and len(b.shape) > 0, f"its inputs are {a} and {b}, not matrices")
    left = a.shape if len(a.shape) > 1 else (1, *a.shape)
    right = b.shape if len(b.shape) > 1 else (*b.shape, 1)
    need(left[-1] == right[-2], f"it takes {right[-2]} values, and its input has {left[-1]}")
    matrix = (left[-2],) * (len(a.shape) > 1) + (right[-1],) * (len(b.shape) > 1)
    return [tensor(a.dtype, (*broadcast([left[:-2], right[:-2]]), *matrix))]


def evaluate_matmul(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the product of matrices."""
    a, b = at(inputs, 0), at(inputs, 1)
    left, right = "f" if a.ndim == 1 else "nf", "f" if b.ndim == 1 else "fk"
    out = (left + right).replace("f", "")
    return [einsum(f"...{left},...{right}->...{out}", a, b)]


def infer_softmax(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the input's type."""
    x = floating(types, 0)
    axis_of(attributes["axis"], len(x.shape))
    return [x]


def evaluate_softmax(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return exp(x) by its sum along an axis."""
    x, axis = at(inputs, 0), attributes["axis"]
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return [powers / powers.sum(axis=axis, keepdims=True)]


def evaluate_log_softmax(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the logarithm of softmax."""
    x, axis = at(inputs, 0), attributes["axis"]
    x = x - x.max(axis=axis, keepdims=True)
    return [x - np.log(np.exp(x).sum(axis=axis, keepdims=True))]


OPERATORS = {
    "Gemm": Operator(
        {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}, infer_gemm, evaluate_gemm, (2, 3)
    ),
    "MatMul": Operator({}, infer_matmul, evaluate_matmul, (2, 2)),
    "Softmax": Operator({"axis": -1}, infer_softmax, evaluate_softmax),
    "LogSoftmax": Operator({"axis": -1}, infer_softmax, evaluate_log_softmax),
}
