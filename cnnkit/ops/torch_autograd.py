"""The fused operation on plain tensors, with its gradient, past PyTorch's dispatcher.

`is_plain(x, weight, bias)` tells whether nobody but autograd has to see it; `conv_relu_pool` and
`cnnkit.nn` then call `differentiable(x, weight, bias, parameters, precision)`. Legend of shape
letters: N images, C channels, H rows, W columns.
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
from cnnkit.ops.torch_weights import prepare

MOST_TAPS = 255  # of a pool window whose winners fit in a byte beside "none"
PLAIN = (Tensor, torch.nn.Parameter)


def is_native(*tensors: Tensor | None) -> bool:
    """Tell whether these are what cnnkit's kernels take: float32 on the CPU."""
    for t in tensors:
        if t is not None and not (
            t.dtype is torch.float32 and t.is_cpu and t.layout is torch.strided
        ):
            return False
    return True


def is_plain(*tensors: Tensor | None) -> bool:
    """Tell whether these are native, and no transform, mode or compiler follows them."""
    if (
        torch.compiler.is_compiling()
        or forward_ad._current_level >= 0
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack()
        or torch._C._is_tracing()
    ):
        return False
    for t in tensors:
        if t is not None and type(t) not in PLAIN:
            return False
    return is_native(*tensors)


def needs_gradient(*tensors: Tensor | None) -> bool:
    """Tell whether autograd would record an operation on these."""
    if torch.is_grad_enabled():
        for t in tensors:
            if t is not None and t.requires_grad:
                return True
    return False


def has_gradient(parameters: Sequence[Any]) -> bool:
    """Tell whether a pool window of these parameters has few enough taps for a gradient."""
    return bool(math.prod(parameters[2]) <= MOST_TAPS)


def differentiable(
    x: Tensor, weight: Tensor, bias: Tensor | None, parameters: Sequence[Any], precision: str
) -> Tensor:
    """Compute the operation on plain tensors, recorded by autograd.

    Args:
        x: [N, C_in, H, W].
        weight: [C_out, C_in, kernel rows, kernel columns].
        bias: [C_out].
        parameters: pairs: stride, padding, pool_kernel, pool_stride, pool_padding.
        precision: "default" or "fast".

    Returns:
        [N, C_out, pooled rows, pooled columns].

    Raises:
        InputError: an argument is not what it must be.
    """
    y: Tensor = _Differentiable.apply(x, weight, bias, parameters, precision)
    return y


def run(
    kernel: _core.ConvReluPool, x: Tensor, channels_out: int, winners_wanted: bool
) -> tuple[Tensor, Tensor | None]:
    """Return the result of a contiguous x, and which tap of each pool window won."""
    if x.ndim != 4:
        raise InputError("x", f"has shape {tuple(x.shape)}", "give 4 dimensions, [N, C_in, H, W]")
    images, channels, height, width = x.shape
    size = (images, channels_out, *kernel.output_size(height, width))
    y = torch.empty(size, dtype=torch.float32)
    winners = torch.empty(size, dtype=torch.uint8) if winners_wanted else None
    kernel.run_at(
        *(x.data_ptr(), images, channels, height, width, y.data_ptr(), torch.get_num_threads()),
        0 if winners is None else winners.data_ptr(),
    )
    return y, winners


def gradients(
    kernel: _core.ConvReluPool,
    grad: Tensor,
    x: Tensor,
    winners: Tensor,
    weight: Tensor,
    want_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return dx (empty where it is not wanted), dw and db; x and winners are contiguous."""
    grad = grad.resolve_neg().contiguous()
    dx, dw, db = rooms(x, weight, want_dx)
    images, channels, height, width = x.shape
    kernel.gradient_at(
        *(x.data_ptr(), grad.data_ptr(), winners.data_ptr(), images, channels, height, width),
        *(dw.data_ptr(), db.data_ptr(), dx.data_ptr() if want_dx else 0, torch.get_num_threads()),
    )
    return dx, dw, db


def rooms(x: Tensor, weight: Tensor, want_dx: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return memory for dx (empty where it is not wanted), dw and db."""
    order = torch.contiguous_format
    return (
        torch.empty_like(x, memory_format=order) if want_dx else x.new_empty(0),
        torch.empty_like(weight, memory_format=order),
        weight.new_empty(weight.shape[:1]),
    )


class _Differentiable(torch.autograd.Function):
    @staticmethod
    def forward(  # PyTorch leaves the arguments open
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, parameters: Any, precision: str
    ) -> Tensor:
        kernel = prepare(weight, bias, parameters, precision)
        x = x.resolve_neg().contiguous()
        y, winners = run(kernel, x, weight.shape[0], winners_wanted=True)
        ctx.kernel, ctx.parameters = kernel, parameters
        ctx.save_for_backward(x, weight, winners)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, winners = ctx.saved_tensors
        want_dx, want_dw, want_db, *_ = ctx.needs_input_grad
        if torch.is_grad_enabled():  # someone will differentiate again: the dispatcher refuses that
            dx, dw, db = torch.ops.cnnkit.conv_relu_pool_backward(
                grad, x, winners, weight, *ctx.parameters, want_dx
            )
        else:
            dx, dw, db = gradients(ctx.kernel, grad, x, winners, weight, want_dx)
        return dx if want_dx else None, dw if want_dw else None, db if want_db else None, None, None
