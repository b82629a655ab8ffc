"""The fused operator as an autograd function that bypasses PyTorch's dispatcher.

If `is_plain(x, weight, bias)`, only autograd has to record a call, and `conv_relu_pool` and
`cnnkit.nn` call `differentiable(x, weight, bias, sizes, precision)`. Legend of shape letters:
N images, C channels, H rows, W columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.ops.tensors import readable
from cnnkit.ops.torch_special import are_finite, special_gradients
from cnnkit.ops.torch_weights import pack

MAX_TAPS = 255  # of a pool window: max-pool indices are uint8, and one value means "none"
PLAIN_TYPES = (Tensor, torch.nn.Parameter)
# Small blocks take about as long as looking these up.
_is_compiling = torch.compiler.is_compiling
_is_tracing = torch._C._is_tracing
_is_any_autocast_enabled = torch._C._is_any_autocast_enabled
_are_functorch_transforms_active = torch._C._are_functorch_transforms_active
_len_torch_dispatch_stack = torch._C._len_torch_dispatch_stack


def is_supported(*tensors: Tensor | None) -> bool:
    """Tell whether cnnkit's kernels support these tensors: dense float32 on the CPU."""
    for t in tensors:
        if t is not None and not (
            t.dtype is torch.float32 and t.is_cpu and t.layout is torch.strided and not t.is_nested
        ):
            return False
    return True


def is_transformed() -> bool:
    """Tell whether a transform, a mode, autocast or a compiler changes what operations do."""
    return bool(
        _is_compiling()
        or is_recorded()
        or (_is_any_autocast_enabled() and torch.is_autocast_enabled("cpu"))
    )


def is_recorded() -> bool:
    """Tell whether PyTorch has to see an operation: what it computes is traced or transformed."""
    return bool(
        forward_ad._current_level >= 0
        or _are_functorch_transforms_active()
        or _len_torch_dispatch_stack()
        or _is_tracing()
    )


def is_own_float(*tensors: Tensor | None) -> bool:
    """Tell whether these are PyTorch's own tensors, no subclass's, and supported."""
    for t in tensors:
        if t is not None and not (
            type(t) in PLAIN_TYPES
            and t.dtype is torch.float32
            and t.is_cpu
            and t.layout is torch.strided
            and not t.is_nested
        ):
            return False
    return True


def is_plain(*tensors: Tensor | None) -> bool:
    """Tell whether these are PyTorch's own and supported, and nothing changes what is done."""
    return not is_transformed() and is_own_float(*tensors)


def needs_gradient(*tensors: Tensor | None) -> bool:
    """Tell whether autograd would record an operation on these tensors."""
    if torch.is_grad_enabled():
        for t in tensors:
            if t is not None and t.requires_grad:
                return True
    return False


def indices_fit(sizes: Sequence[Any]) -> bool:
    """Tell whether the max-pool indices fit in uint8, which the native gradient requires."""
    return bool(math.prod(sizes[2]) <= MAX_TAPS)


def differentiable(
    x: Tensor, weight: Tensor, bias: Tensor | None, sizes: Sequence[Any], precision: str
) -> Tensor:
    """Compute the operator on plain tensors, recorded by autograd.

    Args:
        x: [N, C_in, H, W].
        weight: [C_out, C_in, kernel rows, kernel columns].
        bias: [C_out].
        sizes: five pairs: stride, padding, pool_kernel, pool_stride, pool_padding.
        precision: "default" or "fast".

    Returns:
        [N, C_out, pooled rows, pooled columns].

    Raises:
        InputError: an argument is invalid.
    """
    y: Tensor = _ConvReLUPool.apply(x, weight, bias, sizes, precision)
    return y


def run_known(kernel: _core.ConvReluPool, x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return the output, of a known size, for a contiguous x [N, C, H, W]."""
    y = x.new_empty(size)
    images, channels, height, width = x.shape
    threads = torch.get_num_threads()
    kernel.run_at(x.data_ptr(), images, channels, height, width, y.data_ptr(), threads)
    return y


def run(
    kernel: _core.ConvReluPool, x: Tensor, channels_out: int, return_indices: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the output for a contiguous x, and the max-pool indices (uint8, within the window)."""
    if x.ndim != 4:
        raise InputError("x", f"has shape {tuple(x.shape)}", "give 4 dimensions, [N, C_in, H, W]")
    images, channels, height, width = x.shape
    size = (images, channels_out, *kernel.output_size(height, width))
    y = torch.empty(size, dtype=torch.float32)
    indices = torch.empty(size, dtype=torch.uint8) if return_indices else None
    kernel.run_at(
        *(x.data_ptr(), images, channels, height, width, y.data_ptr(), torch.get_num_threads()),
        0 if indices is None else indices.data_ptr(),
    )
    return y, indices


def gradients(
    kernel: _core.ConvReluPool,
    grad: Tensor,
    x: Tensor,
    indices: Tensor,
    weight: Tensor,
    sizes: Sequence[Any],
    want_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return dx (empty unless `want_dx`), dw and db; x and indices are contiguous."""
    grad = readable(grad, "grad")
    if not are_finite(x, grad) or (want_dx and not are_finite(weight)):
        return special_gradients(grad, x, indices, weight, sizes, want_dx)
    dx, dw, db = empty_gradients(x, weight, want_dx)
    images, channels, height, width = x.shape
    kernel.gradient_at(
        *(x.data_ptr(), grad.data_ptr(), indices.data_ptr(), images, channels, height, width),
        *(dw.data_ptr(), db.data_ptr(), dx.data_ptr() if want_dx else 0, torch.get_num_threads()),
    )
    return dx, dw, db


def empty_gradients(x: Tensor, weight: Tensor, want_dx: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Allocate dx (empty unless `want_dx`), dw and db."""
    order = torch.contiguous_format
    return (
        torch.empty_like(x, memory_format=order) if want_dx else x.new_empty(0),
        torch.empty_like(weight, memory_format=order),
        weight.new_empty(weight.shape[:1]),
    )


class _ConvReLUPool(torch.autograd.Function):
    @staticmethod
    def forward(  # the base class declares any arguments
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, sizes: Any, precision: str
    ) -> Tensor:
        kernel = pack(weight, bias, sizes, precision)
        x = readable(x, "x")
        y, indices = run(kernel, x, weight.shape[0], return_indices=True)
        ctx.kernel, ctx.sizes = kernel, sizes
        ctx.save_for_backward(x, weight, indices)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, indices = ctx.saved_tensors
        want_dx, want_dw, want_db, *_ = ctx.needs_input_grad
        if torch.is_grad_enabled():  # create_graph: the registered operator rejects that
            dx, dw, db = torch.ops.cnnkit.conv_relu_pool_backward(
                grad, x, indices, weight, *ctx.sizes, want_dx
            )
        else:
            dx, dw, db = gradients(ctx.kernel, grad, x, indices, weight, ctx.sizes, want_dx)
        return dx if want_dx else None, dw if want_dw else None, db if want_db else None, None, None
