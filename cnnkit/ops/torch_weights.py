"""Weights of tensors made ready for the kernels: `prepare(weight, bias, parameters, precision)`."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from cnnkit import _core
from cnnkit.errors import InputError

Sizes = list[int]
WORTH_KEEPING = 4096  # floats of a weight


class _Kept(NamedTuple):
    """An operation with its weights made ready, and copies of these to know them again."""

    key: tuple[Any, ...]
    weight: Tensor
    bias: Tensor | None
    kernel: _core.ConvReluPool


# By the weight, as long as that lives. A graph that was compiled or exported calls with the same
# weight again and again, and the backward operation with that of the forward one.
_kept: MutableMapping[Tensor, _Kept] = WeakTensorKeyDictionary()


def prepare(
    weight: Tensor, bias: Tensor | None, parameters: Sequence[Sizes], precision: str
) -> _core.ConvReluPool:
    """Return the operation; comparing large weights is many times cheaper than their transform."""
    if weight.numel() < WORTH_KEEPING:
        return _make(weight, bias, parameters, precision)
    key = (*map(tuple, parameters), precision)
    kept = _kept.get(weight)
    if kept and kept.key == key and _equal(kept.weight, weight) and _equal(kept.bias, bias):
        return kept.kernel
    kernel = _make(weight, bias, parameters, precision)
    _kept[weight] = _Kept(
        key, weight.detach().clone(), None if bias is None else bias.detach().clone(), kernel
    )
    return kernel


def prepare_gradient(weight: Tensor, parameters: Sequence[Sizes]) -> _core.ConvReluPool:
    """Return an operation for its gradient, in which the bias and the precision play no part."""
    kept = _kept.get(weight)
    key = tuple(map(tuple, parameters))
    if kept and kept.key[:-1] == key and _equal(kept.weight, weight):
        return kept.kernel
    return _make(weight, None, parameters, "default")


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b if a is None or b is None else torch.equal(a, b)


def _make(
    weight: Tensor, bias: Tensor | None, parameters: Sequence[Sizes], precision: str
) -> _core.ConvReluPool:
    if weight.ndim != 4:
        reason = f"has shape {tuple(weight.shape)}"
        raise InputError("weight", reason, "give 4 dimensions, [C_out, C_in, rows, columns]")
    if bias is not None and bias.shape != weight.shape[:1]:
        reason = f"has {bias.numel()} values"
        raise InputError("bias", reason, f"give the {weight.shape[0]} that weight expects")
    weight, bias = _memory(weight), None if bias is None else _memory(bias)
    stride, padding, kernel, step, ring = parameters
    bias_at = 0 if bias is None else bias.data_ptr()
    return _core.ConvReluPool.at(
        *(weight.data_ptr(), weight.shape, bias_at),
        *(stride, padding, kernel, step, ring),
        precision,
    )


def _memory(tensor: Tensor) -> Tensor:
    """Return a tensor whose memory holds its values in their order."""
    return tensor if tensor.is_contiguous() and not tensor.is_neg() else _copied(tensor)


def _copied(tensor: Tensor) -> Tensor:
    return tensor.detach().resolve_neg().contiguous()
