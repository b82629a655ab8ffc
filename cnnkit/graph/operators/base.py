"""What a row of the operator table holds, and how a row refuses: `need(rank == 4, "is not 4-D")`.

A row is functions of one node: they see its attributes with every default filled in, and never its
names; who calls them puts the node's name to what they raise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnkit.graph.types import LARGEST, Array, Shape, TensorType, count

CORRECT = "correct the model and export it again"  # which no runtime takes as it is
SMALLER = "use smaller sizes"  # what no runtime should be asked for either

Value = int | float | str | tuple[int, ...]
Attributes = Mapping[str, Any]  # Value by name; each row knows the types of its own
Types = Sequence[TensorType | None]  # None: an optional input that is not there
Constants = Sequence[Array | None]  # the values that are known before the graph runs
Arrays = Sequence[Array | None]
Einsum = Callable[..., Array]

LANES = 8  # of AVX
MANY = 1 << 20  # no limit to the number of inputs


class Operator(NamedTuple):
    """What cnnkit knows of an operator.

    Attributes:
        defaults: the value of each attribute, or its type where the node has to give one.
        infer_shape: (attributes, input types, constants) to the types of the outputs.
        evaluate: (attributes, inputs, einsum) to the outputs; floating point is float64.
        inputs: the fewest and the most; those between may be left out with an empty name.
        outputs: the most.
        domain: ONNX's, empty for the standard one.
        rough: as `evaluate`, but as carelessly as runtimes do it in float32; None where that is no
            matter.
    """

    defaults: Mapping[str, Value | type]
    infer_shape: Callable[[Attributes, Types, Constants], list[TensorType]]
    evaluate: Callable[[Attributes, Arrays, Einsum], list[Array]]
    inputs: tuple[int, int] = (1, 1)
    outputs: int = 1
    domain: str = ""
    rough: Callable[[Attributes, Arrays, Einsum], list[Array]] | None = None


class NodeError(Exception):
    """A node cannot be what it is said to be.

    Args:
        reason: why, without its name.
        remedy: what to do about it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def need(condition: bool, reason: str, remedy: str = CORRECT) -> None:
    """Raise NodeError with a reason unless a condition holds."""
    if not condition:
        raise NodeError(reason, remedy)


def tensor(dtype: str, shape: Shape) -> TensorType:
    """Return a type, having checked that its tensors can be held.

    Raises:
        NodeError: they are too large.
    """
    need(count(shape) <= LARGEST, f"gives {list(shape)}, which is too large", SMALLER)
    return TensorType(dtype, shape)


def given(types: Types, index: int) -> TensorType:
    """Return the type of an input that has to be there."""
    found = types[index] if index < len(types) else None
    if found is None:
        raise NodeError(f"has no input {index}", CORRECT)
    return found


def floating(types: Types, index: int) -> TensorType:
    """Return the type of an input that has to hold floating-point numbers."""
    found = given(types, index)
    need(
        found.is_float, f"its input {index} is {found}, not floating point", "put a Cast before it"
    )
    return found


def constant(constants: Constants, index: int) -> Array:
    """Return the value of an input that has to be known before the graph runs."""
    found = constants[index] if index < len(constants) else None
    if found is None:
        raise NodeError(
            f"its input {index} is not a constant",
            "export the model with fixed sizes and parameters",
        )
    return found


def integers(constants: Constants, index: int) -> tuple[int, ...]:
    """Return a list of integers that has to be known before the graph runs."""
    found = constant(constants, index)
    need(
        found.dtype.kind == "i" and found.ndim <= 1, f"its input {index} is not a list of integers"
    )
    return tuple(int(value) for value in found.ravel())


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the front."""
    need(-rank <= axis < rank, f"its axis {axis} is not one of {rank} axes")
    return axis % rank


def axes_of(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Return axes counted from the front, each once, in order."""
    found = tuple(sorted(axis_of(axis, rank) for axis in axes))
    need(len(set(found)) == len(found), f"its axes {list(axes)} name one twice")
    return found


def serial_mean(x: Array, axes: Sequence[int]) -> Array:
    """Return the mean over some axes, which stay, adding up elements in order, in a few lanes.

    So do runtimes. NumPy adds up pairs of sums, which loses much less in float32: of thousands of
    equal numbers nothing at all.
    """
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    count = math.prod(x.shape[axis] for axis in axes)
    rows = x.transpose(*axes, *rest).reshape(count, -1)
    lanes = np.zeros((-(-count // LANES), LANES, rows.shape[1]), x.dtype)
    lanes.reshape(-1, rows.shape[1])[:count] = rows
    sums = lanes.sum(axis=0).sum(axis=0)  # over an axis that is not the last: in order
    kept = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    return np.asarray(sums / x.dtype.type(count)).reshape(kept)


def at(arrays: Arrays, index: int) -> Array:
    """Return an input that shape inference has found to be there."""
    found = arrays[index]
    assert found is not None
    return found
