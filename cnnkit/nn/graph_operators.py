"""What each of the graph's operators is in PyTorch: `OPERATORS["Relu"](attributes, inputs, False)`.

Each function takes a node's attributes, its inputs and whether the network is being trained, and
returns the outputs. The float64 reference of `cnnkit.graph` is what they must equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnkit.errors import InputError
from cnnkit.graph.operators.windows import Window, output_sizes
from cnnkit.graph.types import TensorType

Attributes = Mapping[str, Any]
Inputs = Sequence[Tensor | None]
Function = Callable[[Attributes, Inputs, bool], list[Any]]

MOMENTUM = 0.1  # of running means and variances, PyTorch's default
DROPPED = 0.5  # ONNX's default share; files for inference state no other
CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
MAX_POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
AVERAGE_POOLS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def tensor(inputs: Inputs, index: int) -> Tensor:
    """Return an input that the graph has checked to be there."""
    found = inputs[index]
    assert found is not None
    return found


def optional(inputs: Inputs, index: int) -> Tensor | None:
    """Return an input that may be left out."""
    return inputs[index] if index < len(inputs) else None


def _padding(window: Window) -> tuple[list[int], list[int]]:
    """Return the pads that are the same on both sides, and F.pad's list of what else there is."""
    rank = len(window.kernel)
    before, after = window.pads[:rank], window.pads[rank:]
    if before == after:
        return list(before), []
    return [0] * rank, _explicit(window)


def convolve(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return conv(x, w) + b."""
    window = Window.of(attributes)
    x, w, b = tensor(inputs, 0), tensor(inputs, 1), optional(inputs, 2)
    even, rest = _padding(window)
    convolution = CONVOLUTIONS[len(window.kernel) - 1]
    x = F.pad(x, rest) if rest else x
    settings = (list(window.strides), even, list(window.dilations), attributes["group"])
    return [convolution(x, w, b, *settings)]


def fused_convolution(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return pool(activation(conv(x, w) + b + residual))."""
    (y,) = convolve(attributes, inputs[:3], training)
    residual = optional(inputs, 3)
    y = y if residual is None else y + residual
    if attributes["activation"] == "Relu":
        y = F.relu(y)
    if attributes["activation"] == "Clip":
        y = torch.clamp(y, attributes["clip_min"], attributes["clip_max"])
    if not attributes["pool_kernel_shape"]:
        return [y]
    pool = {k.removeprefix("pool_"): v for k, v in attributes.items() if k.startswith("pool_")}
    return max_pool(pool, [y], training)


def normalise(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Normalise by the running statistics, or in training by the batch's, which update them."""
    x, scale, shift, mean, variance = (tensor(inputs, i) for i in range(5))
    epsilon = attributes["epsilon"]
    return [F.batch_norm(x, mean, variance, scale, shift, training, MOMENTUM, epsilon)]


def _beyond(window: Window, x: Tensor) -> list[int]:
    """Return F.pad's list that gives every window its place: explicit pads, and ceil_mode's."""
    rank = len(window.kernel)
    outputs = output_sizes(window, TensorType("float32", tuple(x.shape)))
    pads: list[int] = []
    for axis in reversed(range(rank)):
        before, after = window.pads[axis], window.pads[axis + rank]
        reach = (outputs[axis] - 1) * window.strides[axis] + window.extents[axis]
        pads += [before, max(after, reach - before - int(x.shape[2 + axis]))]
    return pads


def max_pool(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the largest of each window; padding is smaller than any number."""
    window, x = Window.of(attributes), tensor(inputs, 0)
    if not x.is_floating_point():  # PyTorch pools no integers; float64 holds each of them
        (y,) = max_pool(attributes, [x.double()], training)
        return [y.to(x.dtype)]
    pads = _beyond(window, x)
    x = F.pad(x, pads, value=-math.inf) if any(pads) else x
    pool = MAX_POOLS[len(window.kernel) - 1]
    size, strides, dilations = list(window.kernel), list(window.strides), list(window.dilations)
    return [pool(x, size, strides, 0, dilations)]


def average_pool(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the mean of each window, over what ONNX counts of its padding."""
    window, x = Window.of(attributes), tensor(inputs, 0)
    if max(window.dilations) > 1:
        raise InputError("node AveragePool", "has dilations, which PyTorch has not", "use others")
    pool = AVERAGE_POOLS[len(window.kernel) - 1]
    size, strides = list(window.kernel), list(window.strides)
    pads = _beyond(window, x)
    if not any(pads):
        return [pool(x, size, strides)]
    # What a last window reaches beyond the padding (ceil_mode) never counts.
    explicit = _explicit(window)
    beyond = [reach - pad for reach, pad in zip(pads, explicit, strict=True)]
    counted = F.pad(
        torch.ones_like(x[:1, :1]), explicit, value=float(attributes["count_include_pad"])
    )
    shares = pool(F.pad(counted, beyond), size, strides)
    return [pool(F.pad(x, pads), size, strides) / shares]


def _explicit(window: Window) -> list[int]:
    """Return F.pad's list of a window's pads."""
    rank = len(window.kernel)
    pairs = zip(reversed(window.pads[:rank]), reversed(window.pads[rank:]), strict=True)
    return [pad for pair in pairs for pad in pair]


def global_average(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the mean of each channel."""
    x = tensor(inputs, 0)
    return [x.mean(list(range(2, x.ndim)), keepdim=True)]


def clip(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return min(max(x, lower), upper)."""
    x, lower, upper = tensor(inputs, 0), optional(inputs, 1), optional(inputs, 2)
    x = x if lower is None else torch.maximum(x, lower.reshape(()))
    return [x if upper is None else torch.minimum(x, upper.reshape(()))]


def divide(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return a / b, of integers rounded towards zero."""
    a, b = tensor(inputs, 0), tensor(inputs, 1)
    return [a / b if a.dtype.is_floating_point else torch.div(a, b, rounding_mode="trunc")]


def cast(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the elements as another type."""
    return [tensor(inputs, 0).to(getattr(torch, attributes["to"]))]


def dropout(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x, in training with a share of it dropped; and what was kept."""
    y = F.dropout(tensor(inputs, 0), DROPPED, training)
    return [y, torch.ones_like(y, dtype=torch.bool)]


def flatten(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the elements along two axes."""
    x = tensor(inputs, 0)
    axis = attributes["axis"] % x.ndim if attributes["axis"] < 0 else attributes["axis"]
    if axis == 1 and x.ndim > 1:
        return [x.flatten(1)]
    return [x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))]


def reshape(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the elements along other axes."""
    x, wanted = tensor(inputs, 0), tensor(inputs, 1).tolist()
    copies = not attributes["allowzero"]
    sizes = [x.shape[i] if size == 0 and copies else size for i, size in enumerate(wanted)]
    return [x.reshape(sizes)]


def squeeze(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the elements without axes of size 1."""
    x, axes = tensor(inputs, 0), optional(inputs, 1)
    return [x.squeeze() if axes is None else x.squeeze(tuple(axes.reshape(-1).tolist()))]


def unsqueeze(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the elements with axes of size 1 put in."""
    x, axes = tensor(inputs, 0), tensor(inputs, 1).reshape(-1).tolist()
    rank = x.ndim + len(axes)
    for axis in sorted(int(axis) % rank for axis in axes):
        x = x.unsqueeze(axis)
    return [x]


def transpose(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the elements with the axes in another order."""
    x = tensor(inputs, 0)
    return [x.permute(attributes["perm"] or tuple(reversed(range(x.ndim))))]


def pad(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x with a frame of one value, or of its own."""
    x, pads, value = tensor(inputs, 0), tensor(inputs, 1).tolist(), optional(inputs, 2)
    pairs = zip(reversed(pads[: x.ndim]), reversed(pads[x.ndim :]), strict=True)
    listed = [size for pair in pairs for size in pair]
    if attributes["mode"] == "constant":
        return [F.pad(x, listed, value=0.0 if value is None else float(value))]
    while listed[-2:] == [0, 0]:
        listed = listed[:-2]
    modes = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    return [F.pad(x, listed, modes[attributes["mode"]])]


def gemm(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return alpha · A'B' + beta · C."""
    a, b, c = tensor(inputs, 0), tensor(inputs, 1), optional(inputs, 2)
    a = a.T if attributes["transA"] else a
    plain = attributes["alpha"] == attributes["beta"] == 1.0
    if plain and attributes["transB"] and (c is None or c.ndim == 1):
        return [F.linear(a, b, c)]
    y = attributes["alpha"] * (a @ (b.T if attributes["transB"] else b))
    return [y if c is None else y + attributes["beta"] * c]


def mean(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the mean over some axes, or over all where none are named."""
    x, axes = tensor(inputs, 0), optional(inputs, 1)
    named = [] if axes is None else [int(axis) for axis in axes.reshape(-1).tolist()]
    if not named and attributes["noop_with_empty_axes"]:
        return [x]
    return [x.mean(named or list(range(x.ndim)), keepdim=bool(attributes["keepdims"]))]


def arg_max(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the index of the largest, the first or the last of equals."""
    x, axis, keep = tensor(inputs, 0), attributes["axis"], bool(attributes["keepdims"])
    if not attributes["select_last_index"]:
        return [x.argmax(axis, keep)]
    return [x.shape[axis] - 1 - x.flip(axis).argmax(axis, keep)]


def total(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Add any number of tensors, from the left."""
    y = tensor(inputs, 0)
    for index in range(1, len(inputs)):
        y = y + tensor(inputs, index)
    return [y]


def concatenate(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return tensors behind one another."""
    return [torch.cat([tensor(inputs, i) for i in range(len(inputs))], attributes["axis"])]


def unary(function: Callable[[Tensor], Tensor]) -> Function:
    """Return the operator of a function of one tensor."""
    return lambda attributes, inputs, training: [function(tensor(inputs, 0))]


def binary(function: Callable[[Tensor, Tensor], Tensor]) -> Function:
    """Return the operator of a function of two tensors."""
    return lambda attributes, inputs, training: [function(tensor(inputs, 0), tensor(inputs, 1))]


def along_axis(function: Callable[[Tensor, int], Tensor]) -> Function:
    """Return the operator of a function along an axis."""
    return lambda attributes, inputs, training: [function(tensor(inputs, 0), attributes["axis"])]


OPERATORS: dict[str, Function] = {
    "Add": binary(torch.add),
    "ArgMax": arg_max,
    "AveragePool": average_pool,
    "BatchNormalization": normalise,
    "Cast": cast,
    "Clip": clip,
    "Concat": concatenate,
    "Conv": convolve,
    "Div": divide,
    "Dropout": dropout,
    "Flatten": flatten,
    "FusedConv": fused_convolution,
    "Gemm": gemm,
    "GlobalAveragePool": global_average,
    "Identity": unary(lambda x: x),
    "LogSoftmax": along_axis(torch.log_softmax),
    "MatMul": binary(torch.matmul),
    "MaxPool": max_pool,
    "Mul": binary(torch.mul),
    "Pad": pad,
    "ReduceMean": mean,
    "Relu": unary(F.relu),
    "Reshape": reshape,
    "Softmax": along_axis(torch.softmax),
    "Squeeze": squeeze,
    "Sub": binary(torch.sub),
    "Sum": total,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
