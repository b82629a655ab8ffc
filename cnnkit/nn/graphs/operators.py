"""What each of the graph's operators is in PyTorch: `OPERATORS["Relu"](attributes, inputs, False)`.

Each function takes a node's attributes, its inputs and whether the network is being trained, and
returns the outputs. The float64 reference of `cnnkit.graph` is what they must equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnkit.graph.operators.slicing import slices
from cnnkit.nn.graphs.functions import FUNCTIONS, binary, unary
from cnnkit.nn.graphs.moving import MOVING
from cnnkit.nn.graphs.windows import (
    Attributes,
    Function,
    Inputs,
    average_pool,
    convolve,
    fused_convolution,
    global_average,
    max_pool,
    normalise,
    optional,
    tensor,
)

DROPPED = 0.5  # ONNX's default share


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
    ratio = optional(inputs, 1)
    share = DROPPED if ratio is None else float(ratio)
    y = F.dropout(tensor(inputs, 0), share, training)
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


def along_axis(function: Callable[[Tensor, int], Tensor]) -> Function:
    """Return the operator of a function along an axis."""
    return lambda attributes, inputs, training: [function(tensor(inputs, 0), attributes["axis"])]


def hard_sigmoid(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return alpha · x + beta, within 0 and 1."""
    return [(attributes["alpha"] * tensor(inputs, 0) + attributes["beta"]).clamp(0.0, 1.0)]


def prelu(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x from 0 up, and slope · x below."""
    x, slope = tensor(inputs, 0), tensor(inputs, 1)
    return [torch.where(x < 0, slope * x, x)]


def local_response(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x by a power of the squares around; odd sizes lie as in PyTorch."""
    x, size = tensor(inputs, 0), attributes["size"]
    before, channels = (size - 1) // 2, int(x.shape[1])
    around = [0, 0] * (x.ndim - 2) + [before, size - 1 - before]
    squares = F.pad(x * x, around)
    sums = sum(squares[:, shift : shift + channels] for shift in range(size))
    factor = attributes["bias"] + attributes["alpha"] / size * sums
    return [x / factor ** attributes["beta"]]


def take_slices(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return a part of each axis; PyTorch's own slices cannot go backwards."""
    x = tensor(inputs, 0)
    constants = [None if value is None else value.cpu().numpy() for value in inputs]
    for axis, part in slices(constants, x.ndim).items():
        places = range(*part.indices(int(x.shape[axis])))
        if places.step > 0:
            x = x.narrow(axis, places.start, max(0, places.stop - places.start))
            x = x[(slice(None),) * axis + (slice(None, None, places.step),)]
        else:
            x = x.index_select(axis, torch.tensor(list(places), device=x.device))
    return [x]


def split(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return parts that lie behind one another along an axis."""
    return list(torch.split(tensor(inputs, 0), tensor(inputs, 1).tolist(), attributes["axis"]))


def global_max(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the largest element of each channel."""
    x = tensor(inputs, 0)
    return [x.amax(tuple(range(2, x.ndim)), keepdim=True)]


def with_alpha(function: Callable[[Tensor, float], Tensor]) -> Function:
    """Return a function of each element with one parameter."""

    def run(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
        return [function(tensor(inputs, 0), attributes["alpha"])]

    return run


OPERATORS: dict[str, Function] = {
    **FUNCTIONS,
    **MOVING,
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
    "Elu": with_alpha(F.elu),
    "Flatten": flatten,
    "FusedConv": fused_convolution,
    "Gemm": gemm,
    "GlobalAveragePool": global_average,
    "GlobalMaxPool": global_max,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": unary(F.hardswish),
    "Identity": unary(lambda x: x),
    "LRN": local_response,
    "LeakyRelu": with_alpha(F.leaky_relu),
    "LogSoftmax": along_axis(torch.log_softmax),
    "MatMul": binary(torch.matmul),
    "MaxPool": max_pool,
    "Mul": binary(torch.mul),
    "PRelu": prelu,
    "Pad": pad,
    "ReduceMean": mean,
    "Relu": unary(F.relu),
    "Reshape": reshape,
    "Sigmoid": unary(torch.sigmoid),
    "Slice": take_slices,
    "Softmax": along_axis(torch.softmax),
    "Split": split,
    "Squeeze": squeeze,
    "Sub": binary(torch.sub),
    "Sum": total,
    "Tanh": unary(torch.tanh),
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
