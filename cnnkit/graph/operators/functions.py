"""Functions of each element beside the activations of old networks: Exp, Erf, Gelu, Pow, Max."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cnnkit.graph.operators.activations import elementwise
from cnnkit.graph.operators.base import (
    MANY,
    Arrays,
    Attributes,
    Constants,
    Einsum,
    Operator,
    Types,
    at,
    given,
    need,
    tensor,
)
from cnnkit.graph.operators.elementwise import broadcast, infer_arithmetic
from cnnkit.graph.types import Array, TensorType

APPROXIMATIONS = ("none", "tanh")
ROOT_OF_2_BY_PI, CUBIC = math.sqrt(2.0 / math.pi), 0.044715
SELU = {"alpha": float(np.float32(1.6732632423543772)), "gamma": float(np.float32(1.05070102))}
_erf = np.frompyfunc(math.erf, 1, 1)


def infer_number(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the input's type, which must be numbers."""
    x = given(types, 0)
    need(x.dtype != "bool", f"its input is {x}")
    return [x]


def of_numbers(function: Callable[[Array], Array]) -> Operator:
    """Return the row of a function that integers have as well."""

    def evaluate(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
        return [function(at(inputs, 0))]

    return Operator({}, infer_number, evaluate)


def erf(x: Array) -> Array:
    """Return the error function."""
    y: Array = np.asarray(_erf(x), np.float64)
    return y


def softplus(x: Array) -> Array:
    """Return log(1 + e^x)."""
    y: Array = np.logaddexp(x, 0.0)
    return y


def selu(x: Array, attributes: Attributes) -> Array:
    """Return gamma · x from 0 up, and gamma · alpha · (e^x - 1) below."""
    below = attributes["alpha"] * np.expm1(np.minimum(x, 0.0))
    found: Array = attributes["gamma"] * np.where(x > 0, x, below)
    return found


def celu(x: Array, attributes: Attributes) -> Array:
    """Return x from 0 up, and alpha · (e^(x / alpha) - 1) below."""
    alpha = attributes["alpha"]
    below = np.minimum(alpha * np.expm1(np.minimum(x, 0.0) / alpha), 0.0)
    found: Array = np.maximum(x, 0.0) + below
    return found


def gelu(x: Array, attributes: Attributes) -> Array:
    """Return x · Φ(x), or its approximation by tanh."""
    if attributes["approximate"] == "tanh":
        return 0.5 * x * (1.0 + np.tanh(ROOT_OF_2_BY_PI * (x + CUBIC * x * x * x)))
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def infer_gelu(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the input's type."""
    approximation = attributes["approximate"]
    need(approximation in APPROXIMATIONS, f"its approximation {approximation!r} is unknown")
    return OPERATORS["Mish"].infer_shape(attributes, types, constants)


def infer_celu(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the input's type."""
    need(attributes["alpha"] != 0, "its alpha is 0")
    return OPERATORS["Mish"].infer_shape(attributes, types, constants)


def infer_power(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the base's type, broadcast with the exponent, whose type may be another one."""
    base, exponent = given(types, 0), given(types, 1)
    need("bool" not in (base.dtype, exponent.dtype), f"its inputs are {base} and {exponent}")
    return [tensor(base.dtype, broadcast([base.shape, exponent.shape]))]


def evaluate_power(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return base ^ exponent; of an integer base as an integer."""
    base, exponent = at(inputs, 0), at(inputs, 1)
    if base.dtype.kind == "f" or exponent.dtype.kind == "f":
        wide = np.power(base.astype(np.float64), exponent.astype(np.float64))
        return [wide if base.dtype.kind == "f" else wide.astype(base.dtype)]
    whole = [int(e) for e in np.ravel(exponent)]
    if min(whole, default=0) < 0:  # which NumPy refuses for integers
        return [np.power(base.astype(np.float64), exponent).astype(base.dtype)]
    return [np.power(base, exponent.astype(base.dtype))]


def over_all(function: Callable[[Array, Array], Array]) -> Operator:
    """Return the row of a function of any number of tensors, two at a time."""

    def evaluate(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
        found = at(inputs, 0)
        for index in range(1, len(inputs)):
            found = function(found, at(inputs, index))
        return [found]

    return Operator({}, infer_arithmetic, evaluate, (1, MANY))


def infer_where(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of two tensors' elements, broadcast with the condition."""
    condition, x, y = (given(types, index) for index in range(3))
    need(condition.dtype == "bool", f"its condition is {condition}")
    need(x.dtype == y.dtype, f"its inputs are {x} and {y}", "put a Cast before it")
    return [tensor(x.dtype, broadcast([condition.shape, x.shape, y.shape]))]


def evaluate_where(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return elements of the second input where the first is true, else of the third."""
    return [np.where(at(inputs, 0), at(inputs, 1), at(inputs, 2))]


_numbers: Any = np  # ufuncs, whose stubs know too many types
OPERATORS = {
    "Abs": of_numbers(np.abs),
    "Neg": of_numbers(np.negative),
    "Sign": of_numbers(np.sign),
    "Ceil": elementwise(lambda x, a: np.ceil(x)),
    "Floor": elementwise(lambda x, a: np.floor(x)),
    "Round": elementwise(lambda x, a: np.rint(x)),
    "Reciprocal": elementwise(lambda x, a: 1.0 / x),
    "Sqrt": elementwise(lambda x, a: np.sqrt(x)),
    "Exp": elementwise(lambda x, a: np.exp(x)),
    "Log": elementwise(lambda x, a: np.log(x)),
    "Erf": elementwise(lambda x, a: erf(x)),
    "Softplus": elementwise(lambda x, a: softplus(x)),
    "Softsign": elementwise(lambda x, a: x / (1.0 + np.abs(x))),
    "Mish": elementwise(lambda x, a: x * np.tanh(softplus(x))),
    "Selu": elementwise(selu, {**SELU}),
    "Celu": elementwise(celu, {"alpha": 1.0})._replace(infer_shape=infer_celu),
    "Gelu": elementwise(gelu, {"approximate": "none"})._replace(infer_shape=infer_gelu),
    "Swish": elementwise(lambda x, a: x / (1.0 + np.exp(-a["alpha"] * x)), {"alpha": 1.0}),
    "ThresholdedRelu": elementwise(lambda x, a: np.where(x > a["alpha"], x, 0.0), {"alpha": 1.0}),
    "Pow": Operator({}, infer_power, evaluate_power, (2, 2)),
    "Max": over_all(_numbers.maximum),
    "Min": over_all(_numbers.minimum),
    "Where": Operator({}, infer_where, evaluate_where, (3, 3)),
}
