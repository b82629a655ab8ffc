"""Shapes that the nodes of a file compute: `x.view(x.size(0), -1)` is Shape, Gather, ..., Reshape.

Sizes are known before the graph runs, except for the number of images, which stays FREE on its way
to a Reshape. What a rule here computes is no node of the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.onnx.draft import Draft, NodeRefusedError, as_integers
from cnnkit.graph.types import FREE, Size, count

# The opsets that made inputs of attributes.
SLICE_INPUTS, AXES_INPUT, PRODUCT_AXES_INPUT = 10, 13, 18
MOST = 64  # elements; more are no shape

Sizes = NDArray[np.object_]


def read_shape(draft: Draft) -> None:
    """The sizes of a value, or some of them."""
    shape = draft.type_of(0).shape
    start, end = draft.integer("start", 0), draft.integer("end", len(shape))
    draft.know_sizes(_sizes(shape[start:end]))


def takes_sizes(draft: Draft) -> bool:
    """Tell whether a node computes sizes of sizes; a Reshape of other values does not."""
    inputs = draft.inputs[:1] if draft.operator == "Reshape" else draft.inputs
    return draft.operator in RULES and any(name in draft.sizes for name in inputs)


def read_sizes(draft: Draft) -> None:
    """Another form of sizes that are known."""
    try:
        found = RULES[draft.operator](draft)
    except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        raise NodeRefusedError(f"its shapes do not fit it ({error})") from error
    if found.size > MOST:
        raise NodeRefusedError(f"it makes a shape of {found.size} sizes")
    draft.know_sizes(found)


def read_reshape(draft: Draft) -> Draft:
    """Put a constant for a shape with the number of images in it: -1 stands for that."""
    wanted = draft.sizes.get(draft.inputs[1]) if len(draft.inputs) == 2 else None
    if wanted is None or FREE not in wanted.tolist():
        return draft
    sizes: list[Size] = wanted.tolist()
    x = draft.type_of(0).shape
    copies = draft.attributes.get("allowzero", 0) == 0
    sizes = [x[i] if s == 0 and copies and i < len(x) else s for i, s in enumerate(sizes)]
    known = math.prod(size for size in sizes if isinstance(size, int) and size != -1)
    if sizes.count(FREE) != 1 or x.count(FREE) != 1 or sizes.count(-1) > 1:
        raise NodeRefusedError(f"it shapes {list(x)} to {sizes}")
    if -1 in sizes:
        if not known or count(x) % known:
            raise NodeRefusedError(f"it shapes {list(x)} to {sizes}")
        sizes[sizes.index(-1)] = count(x) // known
    fixed = [-1 if size == FREE else int(size) for size in sizes]
    draft.inputs = [draft.inputs[0], draft.add_tensor("shape", as_integers(fixed))]
    return draft


def _sizes(values: Any) -> Sizes:
    return np.array(values, dtype=object)


def _given(draft: Draft, index: int) -> Sizes:
    """Return an input as sizes: one that has been computed, or a constant."""
    name = draft.inputs[index] if index < len(draft.inputs) else ""
    if name in draft.sizes:
        return draft.sizes[name]
    found = draft.constant(index)
    if found is None or found.dtype.kind not in "iu" or found.size > MOST:
        raise NodeRefusedError(f"its input {index} is not a list of sizes")
    return found.astype(object)


def _indices(draft: Draft, index: int, default: Any = None) -> Any:
    """Return an input of integers that do not depend on the number of images."""
    found = draft.constant(index)
    if found is None:
        return default
    if found.dtype.kind not in "iu":
        raise NodeRefusedError(f"its input {index} is not a list of integers")
    return found.astype(np.int64)


def _gather(draft: Draft) -> Sizes:
    axis = draft.integer("axis", 0)
    return _sizes(np.take(_given(draft, 0), _indices(draft, 1), axis))


def _slice(draft: Draft) -> Sizes:
    if draft.opset < SLICE_INPUTS:
        starts, ends, axes = (draft.integers(name) for name in ("starts", "ends", "axes"))
        steps = None
    else:
        starts, ends, axes, steps = (
            None if found is None else found.tolist()
            for found in (_indices(draft, index) for index in range(1, 5))
        )
    if _given(draft, 0).ndim != 1 or len(starts or []) != 1 or len(ends or []) != 1:
        raise NodeRefusedError("it slices other than one list of sizes")
    if axes not in (None, [0], [-1]) or steps not in (None, [1]):
        raise NodeRefusedError(f"its axes are {axes} and its steps {steps}")
    assert starts
    assert ends
    return _given(draft, 0)[starts[0] : ends[0]]


def _concat(draft: Draft) -> Sizes:
    axis = draft.integer("axis", 0)
    return np.concatenate([_given(draft, index) for index in range(len(draft.inputs))], axis)


def _axes(draft: Draft) -> tuple[int, ...] | None:
    listed = draft.integers("axes") if draft.opset < AXES_INPUT else _indices(draft, 1)
    return None if listed is None else tuple(int(axis) for axis in np.ravel(listed))


def _unsqueeze(draft: Draft) -> Sizes:
    return np.expand_dims(_given(draft, 0), _axes(draft) or ())


def _squeeze(draft: Draft) -> Sizes:
    return _sizes(np.squeeze(_given(draft, 0), _axes(draft)))


def _reshape(draft: Draft) -> Sizes:
    return _given(draft, 0).reshape(_indices(draft, 1))


def _same(draft: Draft) -> Sizes:
    if draft.operator == "Cast" and draft.integer("to", 0) not in (6, 7):
        raise NodeRefusedError("it casts sizes to other than int32 or int64")
    return _given(draft, 0)


def _arithmetic(
    function: Callable[[int, int], int], unit: int, commutes: bool = False
) -> Callable[[Draft], Sizes]:
    """Return the rule of two numbers each, which leaves alone what is joined with the unit."""

    def one(a: Size, b: Size) -> Size:
        if isinstance(a, int) and isinstance(b, int):
            return function(a, b)
        if b == unit or (a == unit and commutes):
            return a if b == unit else b
        raise NodeRefusedError("it computes with the number of images")

    def rule(draft: Draft) -> Sizes:
        return _sizes(np.frompyfunc(one, 2, 1)(_given(draft, 0), _given(draft, 1)))

    return rule


def _product(draft: Draft) -> Sizes:
    axes = draft.integers("axes") if draft.opset < PRODUCT_AXES_INPUT else _indices(draft, 1)
    keep, sizes = draft.integer("keepdims", 1), _given(draft, 0)
    if sizes.ndim != 1 or (axes is not None and list(axes) not in ([0], [-1])):
        raise NodeRefusedError(f"it multiplies along {axes}")
    if FREE in sizes.tolist():
        raise NodeRefusedError("it computes with the number of images")
    product = math.prod(sizes.tolist())
    return _sizes([product] if keep else product)


def _divide(a: int, b: int) -> int:
    return int(a / b) if abs(a) < 2**52 else a // b  # towards zero


RULES: dict[str, Callable[[Draft], Sizes]] = {
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Identity": _same,
    "Cast": _same,
    "Mul": _arithmetic(int.__mul__, 1, commutes=True),
    "Div": _arithmetic(_divide, 1),
    "Add": _arithmetic(int.__add__, 0, commutes=True),
    "Sub": _arithmetic(int.__sub__, 0),
    "ReduceProd": _product,
}
