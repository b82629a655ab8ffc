"""Normalisations by what an image itself holds: of its channels, groups of them, or last axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

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
    need,
    serial_mean,
)
from cnnkit.graph.operators.convolution import per_channel
from cnnkit.graph.operators.elementwise import broadcast
from cnnkit.graph.types import FREE, Array, Shape, TensorType, count

MIXED = "it would normalise several images together"
KEEP_IMAGES = "export the model with the images as the first axis"


def infer_instance(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x [N, C, ...], of which each channel is normalised by itself."""
    x = floating(types, 0)
    need(len(x.shape) > 2, f"its input is {x}, without spatial axes")
    need(count(x.shape[2:]) > 0, f"its input is {x}, which is empty")
    _check_affine(types, x.shape[1:2])
    return [x]


def infer_group(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x [N, C, ...], of which groups of channels are normalised."""
    x, groups = floating(types, 0), attributes["num_groups"]
    need(len(x.shape) >= 2, f"its input is {x}, without channels")
    channels = x.shape[1]
    known = isinstance(channels, int) and groups > 0 and channels > 0 and channels % groups == 0
    need(known and count(x.shape[2:]) > 0, f"its {channels} channels are not {groups} groups")
    _check_affine(types, x.shape[1:2])
    return [x]


def _check_affine(types: Types, channels: Shape) -> None:
    for index in (1, 2):
        found = floating(types, index)
        need(found.shape == channels, f"its input {index} is {found}, not {list(channels)}")


def infer_layer(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x, whose axes from `axis` on are normalised, and of statistics."""
    x = floating(types, 0)
    axis = axis_of(attributes["axis"], len(x.shape))
    normalised = x.shape[axis:]
    need(FREE not in normalised, MIXED, KEEP_IMAGES)
    need(count(normalised) > 0, f"it normalises nothing, {x}")
    for index in range(1, len(types)):
        if types[index] is not None:
            found = floating(types, index)
            fits = broadcast([normalised, found.shape]) == normalised
            need(fits, f"its input {index} is {found}, not {list(normalised)}")
    statistics = TensorType(x.dtype, (*x.shape[:axis], *[1] * len(normalised)))
    return [x, statistics, statistics]


Standardise = Callable[[Array, tuple[int, ...], float], Array]


def standardised(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """Return (x - mean) / √(variance + ε) over some axes."""
    mean = x.mean(axis=axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    found: Array = (x - mean) / np.sqrt(variance + epsilon)
    return found


def rough(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """Return the same from serial sums, scaled and shifted in one step, as some runtimes do."""
    mean = serial_mean(x, axes)
    inverse = 1 / np.sqrt(serial_mean((x - mean) ** 2, axes) + x.dtype.type(epsilon))
    found: Array = x * inverse - mean * inverse
    return found


def evaluate_instance(
    attributes: Attributes, inputs: Arrays, einsum: Einsum, standardise: Standardise = standardised
) -> list[Array]:
    """Return each channel of each image, standardised, scaled and shifted."""
    x = at(inputs, 0)
    scale, shift = (per_channel(at(inputs, index), x.ndim) for index in (1, 2))
    y = standardise(x, tuple(range(2, x.ndim)), attributes["epsilon"])
    return [y * scale + shift]


def evaluate_group(
    attributes: Attributes, inputs: Arrays, einsum: Einsum, standardise: Standardise = standardised
) -> list[Array]:
    """Return groups of channels of each image, standardised, then scaled and shifted by channel."""
    x, groups = at(inputs, 0), attributes["num_groups"]
    scale, shift = (per_channel(at(inputs, index), x.ndim) for index in (1, 2))
    rows = x.reshape(x.shape[0], groups, x[0].size // groups if len(x) else 1)
    y = standardise(rows, (2,), attributes["epsilon"]).reshape(x.shape)
    return [y * scale + shift]


def evaluate_layer(
    attributes: Attributes, inputs: Arrays, einsum: Einsum, standardise: Standardise = standardised
) -> list[Array]:
    """Return the last axes, standardised, scaled and shifted; their means, 1 / √(variance + ε)."""
    x = at(inputs, 0)
    axes = tuple(range(attributes["axis"] % x.ndim, x.ndim))
    y = standardise(x, axes, attributes["epsilon"]) * at(inputs, 1)
    shift = inputs[2] if len(inputs) > 2 else None
    inverse = 1.0 / np.sqrt(x.var(axis=axes, keepdims=True) + attributes["epsilon"])
    return [y if shift is None else y + shift, x.mean(axis=axes, keepdims=True), inverse]


EPSILON = float(np.float32(1e-5))  # as files have it
OPERATORS = {
    "InstanceNormalization": Operator(
        {"epsilon": EPSILON},
        infer_instance,
        evaluate_instance,
        (3, 3),
        rough=partial(evaluate_instance, standardise=rough),
    ),
    "GroupNormalization": Operator(
        {"epsilon": EPSILON, "num_groups": int},
        infer_group,
        evaluate_group,
        (3, 3),
        rough=partial(evaluate_group, standardise=rough),
    ),
    "LayerNormalization": Operator(
        {"axis": -1, "epsilon": EPSILON},
        infer_layer,
        evaluate_layer,
        (2, 3),
        outputs=3,
        rough=partial(evaluate_layer, standardise=rough),
    ),
}
