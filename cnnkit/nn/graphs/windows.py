"""Convolutions, normalisation and pools of graphs in PyTorch; see `cnnkit.nn.graphs.operators`."""

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
Inputs = Sequence[Any]  # tensors, arrays that are stated, or None
Function = Callable[[Attributes, Inputs, bool], list[Any]]

MOMENTUM = 0.1  # of running means and variances, PyTorch's default
CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
MAX_POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
AVERAGE_POOLS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def tensor(inputs: Inputs, index: int) -> Tensor:
    """Return an input that the graph has checked to be there."""
    found: Tensor = inputs[index]
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
    sizes = (*x.shape[:2], *map(int, x.shape[2:]))  # which torch.jit.trace has as tensors
    outputs = output_sizes(window, TensorType("float32", sizes))
    pads: list[int] = []
    for axis in reversed(range(rank)):
        before, after = window.pads[axis], window.pads[axis + rank]
        reach = (outputs[axis] - 1) * window.strides[axis] + window.extents[axis]
        pads += [before, max(after, reach - before - sizes[2 + axis])]
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
        raise InputError(
            "node AveragePool",
            "has dilations, which PyTorch's average pools do not have",
            "set them to 1",
        )
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
