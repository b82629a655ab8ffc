"""Convolution, ReLU and max-pool in one pass: `y = conv_relu_pool(x, weight, bias, padding=1)`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar, cast

from cnnkit.ops.fused import ConvReLUPool
from cnnkit.ops.reference import Size

if TYPE_CHECKING:
    from cnnkit.ops.fused import Array

Kind = TypeVar("Kind", bound="Array")  # the result is of the kind of x


def conv_relu_pool(
    x: Kind,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Size = 0,
    pool_kernel: Size = 2,
    pool_stride: Size | None = None,
    pool_padding: Size = 0,
    *,
    precision: str = "default",
    threads: int | None = None,
) -> Kind:
    """Compute `max_pool2d(relu(conv2d(x, weight, bias, stride, padding)), pool_kernel, ...)`.

    Gradients flow to tensors that require them, and torch.compile and torch.export follow it:
    `cnnkit.ops.torch_op` then does the work. NaN, infinities, −0.0 and odd sizes are treated as
    PyTorch treats them. Sizes are ints or pairs (rows, columns).

    Args:
        x: float32 [N, C_in, H, W], a NumPy array or a PyTorch CPU tensor, of any memory layout.
        weight: float32 [C_out, C_in, kernel rows, kernel columns].
        bias: float32 [C_out].
        stride: of the convolution.
        padding: of the convolution, with zeros.
        pool_kernel: window of the max-pool.
        pool_stride: of the max-pool; its kernel where None.
        pool_padding: of the max-pool, at most half its kernel; padding never wins.
        precision: "default" keeps the error below 2e-6 of the largest output, up to 512 channels;
            "fast" below 5e-5, where that pays (below 5e-6 without AMX).
        threads: how many threads may work; None for PyTorch's setting if PyTorch is loaded, else
            the cores that this process may use. In `cnnkit.ops.torch_op` it is always PyTorch's.

    Returns:
        float32 [N, C_out, pooled rows, pooled columns], of the kind of x.

    Raises:
        InputError: an argument is not what it must be.
    """
    if needs_dispatcher(x, weight, bias):
        from cnnkit.ops.torch_op import differentiable

        sizes = (stride, padding, pool_kernel, pool_stride, pool_padding)
        return cast("Kind", differentiable(x, weight, bias, sizes, precision))
    operation = ConvReLUPool(
        weight,
        bias,
        stride,
        padding,
        pool_kernel,
        pool_stride,
        pool_padding,
        precision=precision,
    )
    return cast("Kind", operation(x, threads=threads))


def needs_dispatcher(*values: object) -> bool:
    """Tell whether PyTorch has to see the operation: for a gradient, a transform or a compiler."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    if not tensors:
        return False
    return bool(
        torch.compiler.is_compiling()  # first, for a compiler cannot follow all the others
        or (torch.is_grad_enabled() and any(t.requires_grad for t in tensors))
        or any(type(t) not in (torch.Tensor, torch.nn.Parameter) for t in tensors)
        or torch.autograd.forward_ad._current_level >= 0
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack()
        or torch.jit.is_tracing()
    )
