"""The fused operator as a function: `y = conv_relu_pool(x, weight, bias, padding=1)`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast

from cnnkit import _core
from cnnkit.ops.fused import ConvReLUPool
from cnnkit.ops.reference import Size

if TYPE_CHECKING:
    from cnnkit.ops.fused import Array

ArrayT = TypeVar("ArrayT", bound="Array")  # the output has the type of x


def conv_relu_pool(
    x: ArrayT,
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
) -> ArrayT:
    """Compute `max_pool2d(relu(conv2d(x, weight, bias, stride, padding)), pool_kernel, ...)`.

    It supports autograd, torch.compile and torch.export (through `cnnkit.ops.torch_op`). NaN,
    infinities, −0.0 and odd sizes give the same results and gradients as in PyTorch. Sizes are
    ints or pairs (rows, columns).

    Args:
        x: float32 [N, C_in, H, W], a NumPy array or a PyTorch CPU tensor, of any memory layout.
        weight: float32 [C_out, C_in, kernel rows, kernel columns].
        bias: float32 [C_out].
        stride: stride of the convolution.
        padding: zero padding of the convolution.
        pool_kernel: window of the max-pool.
        pool_stride: stride of the max-pool; None for `pool_kernel`.
        pool_padding: padding of the max-pool with -inf, at most half of `pool_kernel`.
        precision: "default" keeps the error below 2e-6 of the largest output, up to 512 channels;
            "fast" allows 5e-5 where that is faster (5e-6 without AMX).
        threads: the number of threads; None for PyTorch's setting if PyTorch is loaded, else
            the cores that this process may use. `cnnkit.ops.torch_op` always uses PyTorch's.

    Returns:
        float32 [N, C_out, pooled rows, pooled columns], of the same type as x.

    Raises:
        InputError: an argument is invalid.
    """
    y = _plain_call(
        x,
        weight,
        bias,
        stride,
        padding,
        pool_kernel,
        pool_kernel if pool_stride is None else pool_stride,
        pool_padding,
        precision,
        threads,
    )
    if y is not None:
        return cast("ArrayT", y)
    if needs_dispatcher(x, weight, bias):
        from cnnkit.ops.torch_op import differentiable

        sizes = (stride, padding, pool_kernel, pool_stride, pool_padding)
        return cast("ArrayT", differentiable(x, weight, bias, sizes, precision))
    operator = ConvReLUPool(
        weight,
        bias,
        stride,
        padding,
        pool_kernel,
        pool_stride,
        pool_padding,
        precision=precision,
    )
    return cast("ArrayT", operator(x, threads=threads))


def _plain_call(x: Any, *arguments: Any) -> Any:
    """Return the answer to a call as nearly all are; None to others, and to compilers."""
    torch = sys.modules.get("torch")
    if torch is not None:
        if torch.compiler.is_compiling():
            return None
        if type(x) is torch.Tensor and "cnnkit.ops.torch_plain" not in sys.modules:
            import cnnkit.ops.torch_plain  # noqa: F401
    return _core.plain_call(x, *arguments)


def needs_dispatcher(*values: object) -> bool:
    """Tell whether a call must go through PyTorch: for a gradient, a transform or a compiler."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    if not tensors:
        return False
    return bool(
        torch.compiler.is_compiling()  # first, because a compiler cannot trace all of the others
        or (torch.is_grad_enabled() and any(t.requires_grad for t in tensors))
        or any(type(t) not in (torch.Tensor, torch.nn.Parameter) for t in tensors)
        or torch.autograd.forward_ad._current_level >= 0
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack()
        or torch.jit.is_tracing()
        or torch.is_autocast_enabled("cpu")
        or any(t.is_meta for t in tensors)
    )
