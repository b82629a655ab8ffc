"""How nodes of older opsets read in the newest one's form, a rule an operator: `RULES["Clip"]`.

A rule takes from a draft what has changed since opset 6; `read_plain` does the rest by the operator
table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cnnkit.formats.onnx import integer_nodes, sampling
from cnnkit.formats.onnx.draft import Draft, NodeRefusedError, as_integers
from cnnkit.formats.onnx.plain import read_plain
from cnnkit.formats.onnx.sizes import read_reshape, read_shape
from cnnkit.formats.onnx.tensors import TYPES, Unread, type_name
from cnnkit.graph.operators.windows import Window, fixed
from cnnkit.graph.types import FREE, LARGEST, count

# From this opset on, what was an attribute is an input.
CLIP_INPUTS, PAD_INPUTS, DROPOUT_INPUTS, AXES_INPUT, MEAN_AXES_INPUT = 11, 11, 12, 13, 18
SLICE_INPUTS, SPLIT_UNEVEN = 10, 18
SOFTMAX_ALONG_AXIS = 13  # before it, over all axes from `axis` on


def read_arithmetic(draft: Draft) -> None:
    """Before opset 7, a node said by attributes how its second input is broadcast."""
    if draft.opset < 7:
        draft.integer("broadcast", 0)
        if "axis" in draft.attributes:
            raise NodeRefusedError("it broadcasts along an axis, as only opsets before 7 do")
    read_plain(draft)


def read_window(draft: Draft) -> None:
    """Fill in sizes by the number of axes, and compute padding that is automatic."""
    x, weight_at = draft.type_of(0), {"Conv": 1, "QLinearConv": 3}.get(draft.operator)
    kernel = draft.integers("kernel_shape")
    if kernel is None and weight_at is not None:
        kernel = [int(size) for size in fixed(draft.type_of(weight_at).shape[2:])]
    rank = len(x.shape) - 2
    if not kernel or len(kernel) != rank:
        raise NodeRefusedError(f"its kernel_shape is {kernel}, and its input {x}")
    strides = draft.integers("strides") or [1] * rank
    dilations = draft.integers("dilations") or [1] * rank
    automatic = sampling.padding_mode(draft)
    pads = draft.integers("pads") or [0] * (2 * rank)
    if draft.operator == "MaxPool":
        draft.integer("storage_order", 0)  # of the indices, which are not read
    window = Window(tuple(kernel), tuple(strides), tuple(pads), tuple(dilations))
    if automatic != "NOTSET":
        if automatic != "VALID":
            draft.attributes.pop("ceil_mode", None)  # the sizes are those of the mode
        if automatic != "VALID" and draft.operator in POOLS and max(dilations, default=1) > 1:
            # ONNX Runtime pads as if there were no dilations, ONNX does not.
            raise NodeRefusedError(f"its padding is {automatic}, but its dilations are {dilations}")
        window = window._replace(pads=_automatic(automatic, window, fixed(x.shape[2:])))
    found = window._asdict()
    del found["ceil"]
    read_plain(draft, kernel_shape=found.pop("kernel"), **found)


def _automatic(mode: str, window: Window, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the padding with which the output is as large as the input by the stride."""
    rank = len(window.kernel)
    if not len(window.strides) == len(window.dilations) == rank or min(window.strides) < 1:
        raise NodeRefusedError(f"its strides are {window.strides}, dilations {window.dilations}")
    if mode == "VALID":
        return (0,) * (2 * rank)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise NodeRefusedError(f"its auto_pad {mode!r} is unknown")
    sides = zip(sizes, window.strides, window.extents, strict=True)
    totals = [max(0, (-(-s // stride) - 1) * stride + extent - s) for s, stride, extent in sides]
    smaller = [total // 2 for total in totals]
    larger = [total - total // 2 for total in totals]
    return tuple(smaller + larger if mode == "SAME_UPPER" else larger + smaller)


def read_batch_norm(draft: Draft) -> None:
    """Statistics per channel, those of training."""
    if draft.opset < 7 and draft.integer("is_test", 0) == 0:
        raise NodeRefusedError("it is in training mode (is_test is 0)")
    if draft.opset < 9 and draft.integer("spatial", 1) != 1:
        raise NodeRefusedError("it normalises each pixel by itself (spatial is 0)")
    if draft.integer("training_mode", 0) != 0:
        raise NodeRefusedError("it is in training mode")
    draft.attributes.pop("momentum", None)  # of training
    read_plain(draft)


def read_clip(draft: Draft) -> None:
    """Limits as inputs, of the input's type."""
    if draft.opset < CLIP_INPUTS:
        limits = {name: draft.number(name) for name in ("min", "max")}
        draft.inputs = draft.inputs[:1]
        for name, limit in limits.items():
            known = limit is not None
            draft.inputs.append(draft.add_tensor(name, _scalar(draft, limit)) if known else "")
    read_plain(draft)


def _scalar(draft: Draft, value: float | None) -> np.ndarray[Any, Any]:
    """Return a number as the node's first input has them."""
    x = draft.type_of(0)
    if not x.is_float:
        raise NodeRefusedError(f"its input is {x}, which no opset before 11 takes")
    with np.errstate(over="ignore"):
        return np.asarray(np.float64(value or 0.0).astype(x.dtype))


def read_cast(draft: Draft) -> None:
    """The type by NumPy's name."""
    number = draft.integer("to", 0)
    if number not in TYPES:
        raise NodeRefusedError(f"it casts to {type_name(number)}, which NumPy has not")
    draft.attributes.pop("saturate", None)  # both are about 8-bit floats
    draft.attributes.pop("round_mode", None)
    read_plain(draft, to=np.dtype(TYPES[number]).name)


def read_constant(draft: Draft) -> None:
    """A tensor instead of a node."""
    if len(draft.attributes) != 1:
        raise NodeRefusedError("it has not one value")
    ((name, raw),) = draft.attributes.items()
    if isinstance(raw, Unread):
        raise NodeRefusedError(f"its {name} is a {raw.kind}, which cnnkit does not read")
    makers: dict[str, Callable[[Any], Any]] = {
        "value": lambda value: value if isinstance(value, np.ndarray) else None,
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": np.int64,
        "value_ints": as_integers,
    }
    try:
        array = makers[name](raw)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        array = None
    if array is None:
        raise NodeRefusedError(f"its {name} is not a tensor of numbers")
    draft.know(np.asarray(array))


def read_constant_of_shape(draft: Draft) -> None:
    """A tensor that repeats one number, which takes no memory."""
    shape, value = draft.constant(0), draft.attributes.pop("value", np.zeros(1, np.float32))
    fits = shape is not None and shape.dtype == np.int64 and shape.ndim == 1
    if shape is None or not fits or min(shape.tolist(), default=0) < 0:
        raise NodeRefusedError("its shape is not a list of sizes")
    sizes = tuple(shape.tolist())
    if not isinstance(value, np.ndarray) or value.size != 1 or count(sizes) > LARGEST:
        raise NodeRefusedError(f"it gives {list(sizes)} of other than one number, or too many")
    draft.know(np.broadcast_to(value.reshape(()), sizes))


def read_dropout(draft: Draft) -> None:
    """Nothing, as long as it does not train."""
    if draft.opset >= DROPOUT_INPUTS:
        training = draft.constant(2)
        if training is not None and training.any():
            raise NodeRefusedError("it is in training mode")
    if draft.opset < 7 and draft.integer("is_test", 0) == 0:
        raise NodeRefusedError("it is in training mode (is_test is 0)")
    draft.attributes.pop("ratio", None)
    draft.attributes.pop("seed", None)
    share = draft.tensors.get(draft.inputs[1]) if len(draft.inputs) > 1 else None
    stated = share is not None and share.dtype.kind == "f" and share.size == 1
    draft.inputs = draft.inputs[: 2 if stated else 1]  # a network that trains on has its share
    read_plain(draft)


def read_axes(draft: Draft) -> None:
    """Squeeze, Unsqueeze and reductions: axes as an input."""
    since = MEAN_AXES_INPUT if draft.operator in REDUCTIONS else AXES_INPUT
    axes = draft.integers("axes") if draft.opset < since else None
    if axes is not None:
        draft.inputs = [*draft.inputs[:1], draft.add_tensor("axes", as_integers(axes))]
    read_plain(draft)


def read_pad(draft: Draft) -> None:
    """Pads of all axes, as an input; and the number to fill them with."""
    rank = len(draft.type_of(0).shape)
    if draft.opset < PAD_INPUTS:
        pads, value = draft.integers("pads"), draft.number("value")
        if pads is None:
            raise NodeRefusedError("it has no pads")
        draft.inputs = [draft.inputs[0], draft.add_tensor("pads", as_integers(pads))]
        if value:
            draft.inputs.append(draft.add_tensor("value", _scalar(draft, value)))
    axes = draft.constant(3)
    if axes is not None:
        pads_given = draft.constant(1)
        listed = axes.ravel().tolist()
        good = pads_given is not None and pads_given.size == 2 * len(listed)
        if pads_given is None or not good or not all(-rank <= axis < rank for axis in listed):
            raise NodeRefusedError(f"its axes {listed} and its pads do not fit")
        spread = np.zeros((2, rank), np.int64)
        spread[:, listed] = pads_given.reshape(2, -1)
        draft.inputs = [draft.inputs[0], draft.add_tensor("pads", spread.ravel()), draft.inputs[2]]
    read_plain(draft)


def read_slice(draft: Draft) -> None:
    """What is taken of which axes, as inputs."""
    if draft.opset < SLICE_INPUTS:
        parts = [draft.integers(name) for name in ("starts", "ends", "axes")]
        if parts[0] is None or parts[1] is None:
            raise NodeRefusedError("it has no starts or no ends")
        named = [part for part in parts if part is not None]
        names = [draft.add_tensor(f"slice{i}", as_integers(part)) for i, part in enumerate(named)]
        draft.inputs = [draft.inputs[0], *names]
    read_plain(draft)


def read_split(draft: Draft) -> None:
    """The sizes of the parts, as an input; equal ones where a file says none."""
    sizes = draft.integers("split") if draft.opset < AXES_INPUT else None
    count_stated = draft.integer("num_outputs", len(draft.outputs))
    if sizes is None and len(draft.inputs) < 2:
        shape, axis = draft.type_of(0).shape, draft.attributes.get("axis", 0)
        known = isinstance(axis, int) and -len(shape) <= axis < len(shape)
        size = shape[axis] if isinstance(axis, int) and known else FREE
        if not isinstance(size, int) or count_stated != len(draft.outputs):
            raise NodeRefusedError(f"it splits {draft.type_of(0)} into {count_stated} parts")
        if draft.opset < SPLIT_UNEVEN and size % count_stated:
            raise NodeRefusedError(f"it splits {size} elements into {count_stated} equal parts")
        part = -(-size // count_stated)
        sizes = [part] * (count_stated - 1) + [size - part * (count_stated - 1)]
    if sizes is not None:
        draft.inputs = [draft.inputs[0], draft.add_tensor("split", as_integers(sizes))]
    read_plain(draft)


def read_prelu(draft: Draft) -> None:
    """Slopes with an axis for each; before opset 7, those of [C] are channels'."""
    slope = draft.constant(1) if draft.opset < 7 else None
    if slope is not None and slope.ndim == 1:
        spread = slope.reshape(-1, *[1] * (len(draft.type_of(0).shape) - 2))
        draft.inputs = [draft.inputs[0], draft.add_tensor("slope", spread)]
    read_plain(draft)


def read_softmax(draft: Draft) -> None:
    """Along one axis; before opset 13, over all axes from `axis` on, which are joined and split."""
    if draft.opset >= SOFTMAX_ALONG_AXIS:
        return read_plain(draft)
    shape = draft.type_of(0).shape
    axis, rank = draft.integer("axis", 1), len(shape)
    if not -rank <= axis <= rank:
        raise NodeRefusedError(f"its axis {axis} is not one of {rank} axes")
    axis = axis + rank if axis < 0 else axis
    if axis < rank and all(size == 1 for size in shape[axis + 1 :]):
        return read_plain(draft, axis=axis)
    flat, result, output = f"{draft.outputs[0]}.flat", f"{draft.outputs[0]}.rows", draft.outputs
    sizes = [-1 if size == FREE else int(size) for size in shape]
    back = draft.add_tensor("shape", as_integers(sizes))
    if {flat, result} & draft.types.keys():
        raise NodeRefusedError(f"the names {flat} and {result} are taken")
    draft.add("Flatten", draft.inputs, [flat], {"axis": axis})
    draft.add(draft.operator, [flat], [result], {"axis": -1})
    draft.add("Reshape", [result, back], output, {"allowzero": int(math.prod(sizes) == 0)})
    return None


def read_integer_matmul(draft: Draft) -> None:
    """A product with a constant matrix of integers, as ONNX Runtime's QGemm."""
    matrix = draft.constant(3)
    if len(draft.inputs) != 8 or matrix is None or matrix.ndim != 2:
        raise NodeRefusedError("its second factor is no constant matrix")
    turned = draft.add_tensor("matrix", np.ascontiguousarray(matrix.T))
    draft.inputs = [*draft.inputs[:3], turned, *draft.inputs[4:6], "", *draft.inputs[6:]]
    draft.operator = "QGemm"
    read_plain(draft, transB=1)


def read_flatten(draft: Draft) -> None:
    """The axis counted from the front."""
    axis, rank = draft.integer("axis", 1), len(draft.type_of(0).shape)
    read_plain(draft, axis=axis + rank if -rank <= axis < 0 else axis)


REDUCTIONS = ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare")
POOLS = ("MaxPool", "AveragePool")
WINDOWS = ("Conv", "MaxPool", "AveragePool", "QLinearConv", "QLinearAveragePool")
RULES: dict[str, Callable[[Draft], None]] = {
    **sampling.RULES,
    **integer_nodes.RULES,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Gemm"), read_arithmetic),
    **dict.fromkeys(WINDOWS, read_window),
    **dict.fromkeys(("Squeeze", "Unsqueeze", "ReduceSum", *REDUCTIONS), read_axes),
    **dict.fromkeys(("Softmax", "LogSoftmax"), read_softmax),
    "BatchNormalization": read_batch_norm,
    "Clip": read_clip,
    "Cast": read_cast,
    "Constant": read_constant,
    "ConstantOfShape": read_constant_of_shape,
    "Dropout": read_dropout,
    "PRelu": read_prelu,
    "QLinearMatMul": read_integer_matmul,
    "Slice": read_slice,
    "Split": read_split,
    "Flatten": read_flatten,
    "Pad": read_pad,
    "Reshape": lambda draft: read_plain(read_reshape(draft)),
    "Shape": read_shape,
}
