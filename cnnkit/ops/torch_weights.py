"""Prepacked weights of tensors, with a cache: `pack(weight, bias, sizes, precision)`."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.ops.reference import Size
from cnnkit.ops.tensors import readable

Kernel = _core.ConvReluPool
Sizes = list[int]
MIN_CACHED_SIZE = 4096  # elements of a weight; smaller ones are simply packed again


class _CacheEntry(NamedTuple):
    """An operator with packed weights, and copies of the weights it was packed from."""

    key: tuple[Any, ...]
    weight: Tensor
    bias: Tensor | None
    kernel: _core.ConvReluPool


# Keyed weakly by the weight tensor. A compiled or exported graph passes the same weight in every
# call, and the backward operator gets the weight of the forward one.
_cache: MutableMapping[Tensor, _CacheEntry] = WeakTensorKeyDictionary()


def pack(
    weight: Tensor, bias: Tensor | None, sizes: Sequence[Sequence[int]], precision: str
) -> _core.ConvReluPool:
    """Return an operator with packed weights; pack them only if they have changed.

    Comparing large weights with the cached copy is many times cheaper than transforming them.
    """
    if weight.numel() < MIN_CACHED_SIZE:
        return pack_now(weight, bias, sizes, precision)
    key = (*map(tuple, sizes), precision)
    readable(weight, "weight")  # the comparison must not read freed memory
    entry = _cache.get(weight)
    if entry and entry.key == key and _equal(entry.weight, weight) and _equal(entry.bias, bias):
        return entry.kernel
    kernel = pack_now(weight, bias, sizes, precision)
    _cache[weight] = _CacheEntry(
        key, weight.detach().clone(), None if bias is None else bias.detach().clone(), kernel
    )
    return kernel


def pack_for_gradient(weight: Tensor, sizes: Sequence[Sequence[int]]) -> _core.ConvReluPool:
    """Return an operator for its gradient, which does not depend on bias and precision."""
    readable(weight, "weight")
    entry = _cache.get(weight)
    key = tuple(map(tuple, sizes))
    if entry and entry.key[:-1] == key and _equal(entry.weight, weight):
        return entry.kernel
    return pack_now(weight, None, sizes, "default")


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b if a is None or b is None else torch.equal(a, b)


def pack_now(
    weight: Tensor, bias: Tensor | None, sizes: Sequence[Sequence[int]], precision: str
) -> _core.ConvReluPool:
    """Return an operator with packed weights, which nobody keeps."""
    if weight.ndim != 4:
        reason = f"has shape {tuple(weight.shape)}"
        raise InputError("weight", reason, "give 4 dimensions, [C_out, C_in, rows, columns]")
    if bias is not None and bias.shape != weight.shape[:1]:
        reason = f"has {bias.numel()} values"
        raise InputError("bias", reason, f"give the {weight.shape[0]} that weight expects")
    weight = readable(weight.detach(), "weight")
    bias = None if bias is None else readable(bias.detach(), "bias")
    stride, padding, pool_kernel, pool_stride, pool_padding = sizes
    bias_at = 0 if bias is None else bias.data_ptr()
    return _core.ConvReluPool.at(
        *(weight.data_ptr(), weight.shape, bias_at),
        *(stride, padding, pool_kernel, pool_stride, pool_padding),
        precision,
    )


def pairs(sizes: Sequence[Size | None]) -> list[Any]:
    """Return the sizes given to `cnnkit.ops.conv_relu_pool` as pairs; invalid ones unchanged."""
    stride, padding, pool_kernel, pool_stride, pool_padding = sizes
    pool_stride = pool_kernel if pool_stride is None else pool_stride
    given = (stride, padding, pool_kernel, pool_stride, pool_padding)
    return [[size, size] if isinstance(size, int) else size for size in given]


def complete(sizes: Sequence[Sizes]) -> list[Sizes]:
    """Return all five sizes as pairs: PyTorch omits trailing arguments that have their default."""
    defaults: list[Sizes] = [[1, 1], [0, 0], [2, 2], [], [0, 0]]
    given = list(sizes) + defaults[len(sizes) :]
    given[3] = given[3] or given[2]
    return [list(size) if len(size) == 2 else [size[0]] * 2 for size in given]
