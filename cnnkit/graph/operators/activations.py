"""Activations of tier 2, and the normalisation of old networks across channels (LRN)."""

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
    Value,
    at,
    floating,
    given,
    need,
)
from cnnkit.graph.operators.elementwise import broadcast
from cnnkit.graph.types import Array, TensorType


def infer_float(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the input's type, which must be floating-point numbers."""
    return [floating(types, 0)]


def elementwise(
    function: Callable[[Array, Attributes], Array], defaults: dict[str, Value] | None = None
) -> Operator:
    """Return the row of a function of each element."""

    def evaluate(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
        return [function(at(inputs, 0), attributes)]

    return Operator(defaults or {}, infer_float, evaluate)


def sigmoid(x: Array, attributes: Attributes) -> Array:
    """Return 1 / (1 + e^-x)."""
    y: Array = 1.0 / (1.0 + np.exp(-x))
    return y


def hard_sigmoid(x: Array, attributes: Attributes) -> Array:
    """Return alpha · x + beta, within 0 and 1."""
    y: Array = np.clip(attributes["alpha"] * x + attributes["beta"], 0.0, 1.0)
    return y


def hard_swish(x: Array, attributes: Attributes) -> Array:
    """Return x · clip(x / 6 + 1/2, 0, 1)."""
    y: Array = x * np.clip(x / 6.0 + 0.5, 0.0, 1.0)
    return y


def leaky_relu(x: Array, attributes: Attributes) -> Array:
    """Return x from 0 up, and alpha · x below."""
    return np.where(x < 0, attributes["alpha"] * x, x)


def elu(x: Array, attributes: Attributes) -> Array:
    """Return x from 0 up, and alpha · (e^x - 1) below."""
    return np.where(x < 0, attributes["alpha"] * np.expm1(np.minimum(x, 0.0)), x)


def infer_prelu(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x, to which its slopes are broadcast."""
    x, slope = floating(types, 0), given(types, 1)
    fits = slope.dtype == x.dtype and broadcast([x.shape, slope.shape]) == x.shape
    need(fits, f"its slopes {slope} do not fit {x}")
    return [x]


def evaluate_prelu(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return x from 0 up, and slope · x below."""
    x, slope = at(inputs, 0), at(inputs, 1)
    return [np.where(x < 0, slope * x, x)]


def infer_lrn(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x [N, C, ...]."""
    x = floating(types, 0)
    need(len(x.shape) > 2, f"its input is {x}, without spatial axes")
    need(attributes["size"] > 0, f"its size is {attributes['size']}")
    return [x]


def evaluate_lrn(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return x / (bias + alpha / size · the sum of squares of the channels around) ^ beta."""
    x, size = at(inputs, 0), attributes["size"]
    before, channels = (size - 1) // 2, x.shape[1]
    after = size - 1 - before
    squares = np.pad(x * x, [(0, 0), (before, after), *[(0, 0)] * (x.ndim - 2)])
    sums = sum(squares[:, shift : shift + channels] for shift in range(size))
    factor = attributes["bias"] + attributes["alpha"] / size * sums
    return [x / factor ** attributes["beta"]]


def tanh(x: Array, attributes: Attributes) -> Array:
    """Return the hyperbolic tangent."""
    y: Array = np.tanh(x)
    return y


ALPHA, BETA, SLOPE = float(np.float32(0.2)), 0.5, float(np.float32(0.01))  # as files have them
LRN: dict[str, Any] = {
    "size": int,
    "alpha": float(np.float32(1e-4)),
    "beta": 0.75,
    "bias": 1.0,
}
OPERATORS = {
    "Sigmoid": elementwise(sigmoid),
    "Tanh": elementwise(tanh),
    "HardSigmoid": elementwise(hard_sigmoid, {"alpha": ALPHA, "beta": BETA}),
    "HardSwish": elementwise(hard_swish),
    "LeakyRelu": elementwise(leaky_relu, {"alpha": SLOPE}),
    "Elu": elementwise(elu, {"alpha": 1.0}),
    "PRelu": Operator({}, infer_prelu, evaluate_prelu, (2, 2)),
    "LRN": Operator(LRN, infer_lrn, evaluate_lrn),
}
