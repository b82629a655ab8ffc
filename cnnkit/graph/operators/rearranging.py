"""Operators that take elements by constant indices, repeat them, or make pixels of channels."""

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
    constant,
    given,
    integers,
    need,
    tensor,
)
from cnnkit.graph.operators.elementwise import broadcast
from cnnkit.graph.types import FREE, Array, TensorType

TAKES_IMAGES = "it would take some of the images"
KEEP_IMAGES = "export the model with the images as the first axis"
ORDERS = ("DCR", "CRD")


def infer_gather(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the parts of an axis that constant indices name."""
    x, indices = given(types, 0), constant(constants, 1)
    axis = axis_of(attributes["axis"], len(x.shape))
    size = x.shape[axis]
    need(isinstance(size, int), TAKES_IMAGES, KEEP_IMAGES)
    assert isinstance(size, int)
    need(indices.dtype.kind == "i", f"its indices are {indices.dtype}")
    inside = not indices.size or (-size <= indices.min() and indices.max() < size)
    need(bool(inside), f"its indices leave its axis of {size}")
    return [tensor(x.dtype, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))]


def evaluate_gather(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the parts; negative indices count from the end."""
    return [np.take(at(inputs, 0), at(inputs, 1), axis=attributes["axis"])]


def infer_expand(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x, repeated along axes of size 1."""
    x, wanted = given(types, 0), integers(constants, 1)
    need(min(wanted, default=1) >= 0, f"its shape {list(wanted)} is none")
    return [tensor(x.dtype, broadcast([x.shape, wanted]))]


def evaluate_expand(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return x, repeated along axes of size 1."""
    x, wanted = at(inputs, 0), tuple(at(inputs, 1).tolist())
    return [np.broadcast_to(x, np.broadcast_shapes(x.shape, wanted))]


def infer_tile(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x, repeated as a whole along each axis."""
    x, repeats = given(types, 0), integers(constants, 1)
    fits = len(repeats) == len(x.shape) and min(repeats, default=0) >= 0
    need(fits, f"its repeats {list(repeats)} are not one for each axis of {x}")
    pairs = list(zip(x.shape, repeats, strict=True))
    need(all(size != FREE or n == 1 for size, n in pairs), "it would repeat images", KEEP_IMAGES)
    sizes = (size * n if isinstance(size, int) else size for size, n in pairs)
    return [tensor(x.dtype, tuple(sizes))]


def evaluate_tile(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return x, repeated as a whole along each axis."""
    return [np.tile(at(inputs, 0), at(inputs, 1).tolist())]


def _blocks(attributes: Attributes, types: Types) -> tuple[TensorType, int]:
    x, block = given(types, 0), attributes["blocksize"]
    need(len(x.shape) == 4, f"its input is {x}, not [N, C, H, W]")
    need(all(isinstance(size, int) for size in x.shape[1:]), f"its input is {x}")
    need(0 < block <= 2**15, f"its blocksize is {block}")
    return x, block


def infer_to_space(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of channels put into blocks of pixels."""
    x, block = _blocks(attributes, types)
    need(attributes["mode"] in ORDERS, f"its mode {attributes['mode']!r} is unknown")
    channels, height, width = (int(size) for size in x.shape[1:])
    need(
        channels % block**2 == 0,
        f"its {channels} channels cannot be divided into blocks of {block}x{block}",
    )
    return [tensor(x.dtype, (x.shape[0], channels // block**2, height * block, width * block))]


def evaluate_to_space(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return channels put into blocks of pixels; the blocks' channels come first, or last."""
    x, block = at(inputs, 0), attributes["blocksize"]
    n, channels, height, width = x.shape
    left = channels // block**2
    if attributes["mode"] == "DCR":
        parts = x.reshape(n, block, block, left, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        parts = x.reshape(n, left, block, block, height, width).transpose(0, 1, 4, 2, 5, 3)
    return [parts.reshape(n, left, height * block, width * block)]


def infer_to_depth(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of blocks of pixels put into channels."""
    x, block = _blocks(attributes, types)
    need(attributes["mode"] in ORDERS, f"its mode {attributes['mode']!r} is unknown")
    channels, height, width = (int(size) for size in x.shape[1:])
    fits = height % block == width % block == 0
    need(fits, f"its {height}x{width} pixels cannot be divided into blocks of {block}x{block}")
    return [tensor(x.dtype, (x.shape[0], channels * block**2, height // block, width // block))]


def evaluate_to_depth(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return blocks of pixels put into channels, the place in the block first, or last."""
    x, block = at(inputs, 0), attributes["blocksize"]
    n, channels, height, width = x.shape
    sizes = height // block, width // block
    order = (0, 3, 5, 1, 2, 4) if attributes["mode"] == "DCR" else (0, 1, 3, 5, 2, 4)
    parts = x.reshape(n, channels, sizes[0], block, sizes[1], block).transpose(order)
    return [parts.reshape(n, channels * block**2, *sizes)]


OPERATORS = {
    "Gather": Operator({"axis": 0}, infer_gather, evaluate_gather, (2, 2)),
    "Expand": Operator({}, infer_expand, evaluate_expand, (2, 2)),
    "Tile": Operator({}, infer_tile, evaluate_tile, (2, 2)),
    "DepthToSpace": Operator({"blocksize": int, "mode": "DCR"}, infer_to_space, evaluate_to_space),
    "SpaceToDepth": Operator({"blocksize": int, "mode": "DCR"}, infer_to_depth, evaluate_to_depth),
}
