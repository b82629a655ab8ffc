"""Resize: the axes that it names become longer or shorter, by nearest, linear or cubic sampling.

It is a sum along one axis after another: `taps(...)` says which elements each new one is made of.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
    axis_of,
    constant,
    floating,
    integers,
    need,
    tensor,
)
from cnnkit.graph.types import Array, Size, TensorType

MODES = ("nearest", "linear", "cubic")
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
COORDINATES = (
    "half_pixel",
    "pytorch_half_pixel",
    "half_pixel_symmetric",
    "align_corners",
    "asymmetric",
)
KEEP_IMAGES = "export the model with the images as the first axis"


class Axis(NamedTuple):
    """How one axis is resized: from `before` to `after` elements, by a scale of float32."""

    axis: int
    before: int
    after: int
    scale: float


def resized(attributes: Attributes, shape: tuple[Size, ...], constants: Constants) -> list[Axis]:
    """Return how each axis that a Resize names is resized."""
    axes = [axis_of(axis, len(shape)) for axis in attributes["axes"]]
    sizes = integers(constants, 3) if len(constants) > 3 else None
    scales = None if sizes is not None else constant(constants, 2).ravel().tolist()
    stated = sizes if sizes is not None else scales
    need(stated is not None and len(stated) == len(axes) == len(set(axes)), "its axes do not fit")
    found = []
    for index, axis in enumerate(axes):
        before = shape[axis]
        need(isinstance(before, int), "it would resize the number of images", KEEP_IMAGES)
        assert isinstance(before, int)
        need(before > 0, f"its axis {axis} is empty")
        if sizes is not None:
            after, scale = sizes[index], float(np.float32(sizes[index]) / np.float32(before))
        else:
            assert scales is not None
            scale = float(scales[index])
            need(0 < scale < 1e6, f"its scale is {scale}")
            after = int(np.floor(np.float32(before) * np.float32(scale)))  # as ONNX infers shapes
        need(after > 0, f"nothing is left of its axis {axis}")
        found.append(Axis(axis, before, after, scale))
    return found


def infer_resize(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x with other sizes of some axes."""
    x, mode = floating(types, 0), attributes["coordinate_transformation_mode"]
    need(attributes["mode"] in MODES, f"its mode {attributes['mode']!r} is unknown")
    need(attributes["nearest_mode"] in NEAREST, f"its {attributes['nearest_mode']!r} is unknown")
    need(mode in COORDINATES, f"its coordinates, {mode}, have no kernel")
    shape = list(x.shape)
    for row in resized(attributes, x.shape, constants):
        shape[row.axis] = row.after
        whole = abs(row.scale * row.before - row.after) < 1e-4 * row.after
        both = mode not in ("align_corners", "pytorch_half_pixel") or row.scale == 1.0
        # Of what is rounded down, ONNX's definition and ONNX Runtime take different corners.
        need(both or whole, f"its {mode} of a scale {row.scale} that gives no whole size")
    return [tensor(x.dtype, tuple(shape))]


def taps(attributes: Attributes, row: Axis) -> tuple[Array, Array]:
    """Return places and weights, int64 and float64 [after, taps], of an axis's new elements."""
    if row.scale == 1.0 and row.before == row.after:
        return np.arange(row.after)[:, None], np.ones((row.after, 1))
    if attributes["mode"] == "nearest":
        found = _coordinates(attributes, row, np.float32)[:, None]
        places = _nearest(found, attributes["nearest_mode"]).astype(np.int64)
        return np.clip(places, 0, row.before - 1), np.ones((row.after, 1))
    x = _coordinates(attributes, row, np.float64)
    first = np.floor(x).astype(np.int64)
    ratio = (x - first)[:, None]
    if attributes["mode"] == "linear":
        places, weights = first[:, None] + np.arange(2), np.hstack([1 - ratio, ratio])
    else:
        places = first[:, None] + np.arange(-1, 3)
        weights = _cubic(np.abs(ratio - np.arange(-1, 3)), attributes["cubic_coeff_a"])
    if attributes["exclude_outside"]:
        weights = np.where((places < 0) | (places >= row.before), 0.0, weights)
        weights = weights / weights.sum(axis=1, keepdims=True)
    return np.clip(places, 0, row.before - 1), weights


def _coordinates(attributes: Attributes, row: Axis, dtype: Any) -> Array:
    """Return where each new element lies in x; nearest ones of ties, in float32, as runtimes do."""
    x: Array = np.arange(row.after).astype(dtype)
    scale, half = dtype(row.scale), dtype(0.5)
    mode = attributes["coordinate_transformation_mode"]
    found: Array = (x + half) / scale - half
    if mode == "asymmetric":
        found = x / scale
    elif mode == "align_corners":
        found = x * dtype(row.before - 1) / dtype(max(row.after - 1, 1))
    elif mode == "pytorch_half_pixel" and row.after == 1:
        found = x
    elif mode == "half_pixel_symmetric":
        share = dtype(row.after) / (scale * dtype(row.before))
        found = found + dtype(row.before / 2) * (1 - share)
    return found


def _nearest(x: Array, mode: str) -> Array:
    down: Array = np.floor(x if mode == "floor" else x + 0.5)
    up: Array = np.ceil(x if mode == "ceil" else x - 0.5)
    return down if mode in ("floor", "round_prefer_ceil") else up


def _cubic(distance: Array, a: float) -> Array:
    """Return Keys' kernel of distances up to 2."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    found: Array = np.where(distance <= 1, near, far)
    return found


def evaluate_resize(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return sums of elements along one axis after another."""
    y = at(inputs, 0)
    for row in resized(attributes, y.shape, inputs):
        places, weights = taps(attributes, row)
        shape = [-1 if axis == row.axis else 1 for axis in range(y.ndim)]
        parts = zip(places.T, weights.T, strict=True)
        y = sum(np.take(y, place, row.axis) * weight.reshape(shape) for place, weight in parts)
    return [y]


RESIZE: dict[str, Value | type] = {
    "axes": tuple,
    "mode": "nearest",
    "coordinate_transformation_mode": "half_pixel",
    "nearest_mode": "round_prefer_floor",
    "cubic_coeff_a": -0.75,
    "exclude_outside": 0,
}
OPERATORS = {"Resize": Operator(RESIZE, infer_resize, evaluate_resize, (1, 4))}
