"""A block of a model, convolution → (batch-norm) → ReLU → max-pool, in one operation.

Legend of shape letters: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, is_grad_enabled, is_inference_mode_enabled

from cnnkit.nn.norm import Norm, fold, normed
from cnnkit.ops import torch_autograd
from cnnkit.ops.tensors import readable
from cnnkit.ops.torch_autograd import indices_fit, is_plain, needs_gradient
from cnnkit.ops.torch_plain import API, MemorySample, TensorCall
from cnnkit.ops.torch_weights import Kernel, pack_now

Pair = tuple[int, int]
Tensors = tuple[Tensor | None, ...]
States = list[int]


class Sizes(NamedTuple):
    """The sizes of the convolution and of the max-pool, (rows, columns) each."""

    stride: Pair
    padding: Pair
    pool_kernel: Pair
    pool_stride: Pair
    pool_padding: Pair


class Packed(NamedTuple):
    """Packed weights, and what they were packed from.

    Attributes:
        kernel: the packed weights.
        sizes: the sizes of the operation.
        eps: that of the batch-norm.
        tensors: the tensors, or copies of them if they are compared by value.
        states: their states; None: compare by value.
        sample: what their memory held, because nobody counts what is written through
            `weight.data`.
    """

    kernel: Kernel
    sizes: Sizes
    eps: float | None
    tensors: Tensors
    states: States | None
    sample: MemorySample | None = None

    def is_of(self, tensors: Tensors, sizes: Sizes, eps: float | None, seen: States | None) -> bool:
        """Tell whether these would be packed into the same; `seen` are their states, if known."""
        if sizes != self.sizes or eps != self.eps or len(tensors) != len(self.tensors):
            return False
        if self.states is None or self.sample is None:
            return equal(self.tensors, tensors)
        # Of the same states, they have the same addresses.
        return (seen or states(*tensors)) == self.states and self.sample.is_unchanged()


class Block:
    """The operation of one block. Where no gradient is needed, its weights are packed only once.

    Args:
        precision: "default" or "fast"; see `cnnkit.ops.conv_relu_pool`.
        by_version: whether PyTorch's version counters and a sample of the memory tell that a tensor
            has changed, which costs next to nothing. Otherwise all values are compared with a copy.

    Attributes:
        quick: answers plain calls of x, weight and bias with what was packed last, and None to
            others; None where the block has a batch-norm, or something has to be told of each call.
    """

    def __init__(self, precision: str = "default", by_version: bool = False) -> None:
        self.precision, self.by_version = precision, by_version
        self.forget()

    def forget(self) -> None:
        """Pack the weights again in the next call."""
        self._packed: Packed | None = None
        self.quick: TensorCall | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_packed": None, "quick": None}  # packed weights cannot be copied

    def __call__(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        norm: Norm | None,
        sizes: Sizes,
        ceil_mode: bool = False,
    ) -> Tensor | None:
        """Map [N, C_in, H, W] to [N, C_out, H', W']; None if PyTorch has to compute it."""
        if not is_plain(x) or x.ndim != 4 or x.shape[1] != weight.shape[1]:
            return None
        if ceil_mode and ceil_adds_window(x.shape, weight.shape, sizes):
            return None
        return self.compute(x, weight, bias, norm, sizes)

    def compute(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        norm: Norm | None,
        sizes: Sizes,
        size: tuple[int, ...] | None = None,
        seen: States | None = None,
    ) -> Tensor | None:
        """Compute a call where `is_plain(x)`, and x has the shape that the weight needs.

        Where they are known, `size` is [N, C_out, H', W'], and `seen` are the states of weight,
        bias and the batch-norm's tensors.
        """
        tensors = (weight, bias) if norm is None else (weight, bias, *norm[:4])
        if torch.is_grad_enabled() and needs_gradient(x, *tensors):
            return self._recorded(x, weight, bias, norm, sizes)
        eps, packed = norm and norm.eps, self._packed
        if packed is None or not packed.is_of(tensors, sizes, eps, seen):
            if not is_plain(*tensors):
                return None
            packed = self._packed = self._pack(weight, bias, norm, sizes)
            self.quick = self._quick(packed, weight, bias, norm)
        if _observers:
            self._tell(x, weight, bias, norm, sizes)
        kernel, x = packed.kernel, readable(x, "x")
        if size is not None:
            return torch_autograd.run_known(kernel, x, size)
        return torch_autograd.run(kernel, x, weight.shape[0], return_indices=False)[0]

    def _quick(
        self, packed: Packed, weight: Tensor, bias: Tensor | None, norm: Norm | None
    ) -> TensorCall | None:
        if norm is not None or packed.states is None or API is None:
            return None
        return TensorCall(packed.kernel, weight, bias)

    def _recorded(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, norm: Norm | None, sizes: Sizes
    ) -> Tensor | None:
        """Compute the operation, recorded by autograd; None if PyTorch has to."""
        if not is_plain(weight, bias, *(norm[:4] if norm else ())) or not indices_fit(sizes):
            return None
        if norm and (norm.mean.requires_grad or norm.variance.requires_grad):
            return None
        self._tell(x, weight, bias, norm, sizes)
        if norm is None:
            return torch_autograd.differentiable(x, weight, bias, sizes, self.precision)
        return normed(x, weight, bias, norm, sizes, self.precision)

    def _tell(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, norm: Norm | None, sizes: Sizes
    ) -> None:
        if _observers:
            folded = fold(weight, bias, norm)[:2] if norm else (weight, bias)
            for calls in _observers:
                calls.append(Call(self, x, *folded, sizes))

    def _pack(self, weight: Tensor, bias: Tensor | None, norm: Norm | None, sizes: Sizes) -> Packed:
        folded = fold(weight, bias, norm)[:2] if norm else (weight, bias)
        kernel = pack_now(*folded, sizes, self.precision)
        tensors = (weight, bias, *(norm[:4] if norm else ()))
        given = [t for t in tensors if t is not None]
        # Tensors created in inference mode have no version counter; others would keep their graph.
        if self.by_version and all(
            not t.is_inference() and t.is_leaf and lies_in_one_piece(t) for t in given
        ):
            sample = MemorySample([(t.data_ptr(), t.numel()) for t in given])
            return Packed(kernel, sizes, norm and norm.eps, tensors, states(*tensors), sample)
        copies = tuple(None if t is None else t.detach().clone() for t in tensors)
        return Packed(kernel, sizes, norm and norm.eps, copies, None)


class Call(NamedTuple):
    """A block that was computed in one operation; batch-norm is folded into weight and bias."""

    block: Block
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    sizes: Sizes


_observers: list[list[Call]] = []


@contextmanager
def observe_calls() -> Iterator[list[Call]]:
    """Collect the calls of all blocks, in this process, that are computed in one operation."""
    calls: list[Call] = []
    _observers.append(calls)
    try:
        yield calls
    finally:
        _observers.remove(calls)


def is_observed() -> bool:
    """Tell whether somebody collects calls."""
    return bool(_observers)


def states(*tensors: Tensor | None) -> States:
    """Return what tells tensors that somebody keeps from others, and from themselves changed.

    These are identity, address and how often each was changed, which inference mode does not count.
    """
    found: list[int] = []
    for t in tensors:
        if t is not None:
            found += (id(t), t.data_ptr(), -1 if t.is_inference() else t._version)
    return found


def modes() -> tuple[bool, bool]:
    """Return whether gradients are enabled, and whether inference mode is."""
    return is_grad_enabled(), is_inference_mode_enabled()


def version(tensor: Tensor) -> int:
    """Return how often a tensor was changed; in inference mode, nobody counts."""
    return -1 if tensor.is_inference() else tensor._version


def lies_in_one_piece(tensor: Tensor) -> bool:
    """Tell whether a tensor has memory, which from its address on holds its elements alone."""
    if tensor.data_ptr() % 4 or tensor._is_zerotensor():
        return False
    return tensor.is_contiguous() or (
        tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    )


def equal(ours: Tensors, theirs: Tensors) -> bool:
    """Tell whether two rows of tensors have the same values."""
    return all(
        a is b if a is None or b is None else torch.equal(a, readable(b, "weight"))
        for a, b in zip(ours, theirs, strict=True)
    )


def ceil_adds_window(x: torch.Size, weight: torch.Size, sizes: Sizes) -> bool:
    """Tell whether `ceil_mode` adds a row or column to the output for an input of this shape."""
    for axis in (0, 1):
        conv = output_size(x, weight, sizes.stride, sizes.padding, axis)
        padding, stride = sizes.pool_padding[axis], sizes.pool_stride[axis]
        span = conv + 2 * padding - sizes.pool_kernel[axis]
        # PyTorch adds a window that starts inside the image or in the padding before it.
        starts_inside = (span // stride + 1) * stride < conv + padding
        if span % stride and starts_inside:
            return True
    return False


def output_size(x: torch.Size, weight: torch.Size, stride: Pair, padding: Pair, axis: int) -> int:
    """Return the rows (axis 0) or columns (axis 1) of a convolution's output."""
    return (x[2 + axis] + 2 * padding[axis] - weight[2 + axis]) // stride[axis] + 1
