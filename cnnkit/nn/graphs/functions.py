"""Functions of each element, reductions and normalisations of graphs in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnkit.nn.graphs.windows import Attributes, Function, Inputs, optional, tensor


def unary(function: Callable[[Tensor], Tensor]) -> Function:
    """Return the operator of a function of one tensor."""
    return lambda attributes, inputs, training: [function(tensor(inputs, 0))]


def binary(function: Callable[[Tensor, Tensor], Tensor]) -> Function:
    """Return the operator of a function of two tensors."""
    return lambda attributes, inputs, training: [function(tensor(inputs, 0), tensor(inputs, 1))]


def over_all(function: Callable[[Tensor, Tensor], Tensor]) -> Function:
    """Return the operator of any number of tensors, two at a time."""

    def run(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
        found = tensor(inputs, 0)
        for index in range(1, len(inputs)):
            found = function(found, tensor(inputs, index))
        return [found]

    return run


def celu(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x from 0 up, and alpha · (e^(x / alpha) - 1) below."""
    x, alpha = tensor(inputs, 0), attributes["alpha"]
    below = alpha * torch.expm1(x.clamp(max=0.0) / alpha)
    return [x.clamp(min=0.0) + below.clamp(max=0.0)]


def selu(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return gamma · x from 0 up, and gamma · alpha · (e^x - 1) below."""
    x = tensor(inputs, 0)
    below = attributes["alpha"] * torch.expm1(x.clamp(max=0.0))
    return [attributes["gamma"] * torch.where(x > 0, x, below)]


def gelu(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x · Φ(x), or its approximation by tanh."""
    return [F.gelu(tensor(inputs, 0), approximate=attributes["approximate"])]


def swish(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x · sigmoid(alpha · x)."""
    x = tensor(inputs, 0)
    return [x * torch.sigmoid(attributes["alpha"] * x)]


def thresholded(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x above alpha, and 0 elsewhere."""
    x = tensor(inputs, 0)
    return [torch.where(x > attributes["alpha"], x, torch.zeros_like(x))]


def power(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return base ^ exponent, of the base's type."""
    base, exponent = tensor(inputs, 0), tensor(inputs, 1)
    return [torch.pow(base, exponent).to(base.dtype)]


def where(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return elements of the second input where the first is true, else of the third."""
    return [torch.where(*(tensor(inputs, index) for index in range(3)))]


def reduction(function: Callable[..., Tensor]) -> Function:
    """Return the operator of a function over axes, or over all where none are named."""

    def run(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
        x, axes = tensor(inputs, 0), optional(inputs, 1)
        named = [] if axes is None else [int(axis) for axis in axes.reshape(-1).tolist()]
        keep = bool(attributes["keepdims"])
        if not named and attributes["noop_with_empty_axes"]:
            return [function(x.unsqueeze(-1), [-1], False).to(x.dtype)]
        return [function(x, named or list(range(x.ndim)), keep).to(x.dtype)]

    return run


def norm(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return the Euclidean norm over axes."""
    return (x * x).sum(axes, keep).sqrt()


def arg_min(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the index of the smallest, the first or the last of equals."""
    x, axis, keep = tensor(inputs, 0), attributes["axis"], bool(attributes["keepdims"])
    if not attributes["select_last_index"]:
        return [x.argmin(axis, keep)]
    return [x.shape[axis] - 1 - x.flip(axis).argmin(axis, keep)]


def _affine(y: Tensor, inputs: Inputs) -> Tensor:
    shape = (1, -1, *[1] * (y.ndim - 2))
    return y * tensor(inputs, 1).reshape(shape) + tensor(inputs, 2).reshape(shape)


def instance_norm(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return each channel of each image, standardised, scaled and shifted."""
    x = tensor(inputs, 0)  # F.instance_norm takes no single pixel
    y = F.group_norm(x, int(x.shape[1]), eps=attributes["epsilon"])
    return [_affine(y, inputs)]


def group_norm(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return groups of channels of each image, standardised, then scaled and shifted."""
    x, scale, shift = (tensor(inputs, index) for index in range(3))
    return [F.group_norm(x, attributes["num_groups"], scale, shift, attributes["epsilon"])]


def layer_norm(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the last axes, standardised, scaled and shifted; their means and 1 / √(variance)."""
    x, scale, shift = tensor(inputs, 0), tensor(inputs, 1), optional(inputs, 2)
    axes = list(range(attributes["axis"] % x.ndim, x.ndim))
    sizes, epsilon = [int(x.shape[axis]) for axis in axes], attributes["epsilon"]
    if list(scale.shape) == sizes and (shift is None or list(shift.shape) == sizes):
        y = F.layer_norm(x, sizes, scale, shift, epsilon)
    else:
        y = F.layer_norm(x, sizes, eps=epsilon) * scale
        y = y if shift is None else y + shift
    mean, variance = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
    return [y, mean, torch.rsqrt(variance + epsilon)]


FUNCTIONS: dict[str, Function] = {
    "Abs": unary(torch.abs),
    "ArgMin": arg_min,
    "Ceil": unary(torch.ceil),
    "Celu": celu,
    "Erf": unary(torch.erf),
    "Exp": unary(torch.exp),
    "Floor": unary(torch.floor),
    "Gelu": gelu,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "Log": unary(torch.log),
    "Max": over_all(torch.maximum),
    "Min": over_all(torch.minimum),
    "Mish": unary(F.mish),
    "Neg": unary(torch.neg),
    "Pow": power,
    "Reciprocal": unary(torch.reciprocal),
    "ReduceL1": reduction(lambda x, axes, keep: x.abs().sum(axes, keep)),
    "ReduceL2": reduction(norm),
    "ReduceMax": reduction(torch.amax),
    "ReduceMin": reduction(torch.amin),
    "ReduceSum": reduction(torch.sum),
    "ReduceSumSquare": reduction(lambda x, axes, keep: (x * x).sum(axes, keep)),
    "Round": unary(torch.round),
    "Selu": selu,
    "Sign": unary(torch.sign),
    "Softplus": unary(lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    "Softsign": unary(F.softsign),
    "Sqrt": unary(torch.sqrt),
    "Swish": swish,
    "ThresholdedRelu": thresholded,
    "Where": where,
}
