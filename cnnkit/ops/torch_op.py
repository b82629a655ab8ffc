"""The fused operator in PyTorch: `torch.ops.cnnkit.conv_relu_pool(x, weight, bias, 1, 1)`.

Importing this module registers it, with gradients and for torch.compile and torch.export. Legend of
shape letters: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad

from cnnkit.errors import InputError
from cnnkit.ops import torch_autograd
from cnnkit.ops.reference import Size
from cnnkit.ops.tensors import dense, readable
from cnnkit.ops.torch_autograd import indices_fit, is_plain, is_supported, needs_gradient
from cnnkit.ops.torch_weights import Sizes, complete, pack, pack_for_gradient, pairs

# As with PyTorch's max_pool2d and max_pool2d_with_indices, the public operator computes no indices;
# the internal one ("winners" are indices) does, for the gradient. Its name cannot change: compiled
# graphs in torch.compile's cache on disk call it.
PARAMETERS = (
    "int[2] stride=1, int[2] padding=0, int[2] pool_kernel=2, int[2] pool_stride=[], "
    "int[2] pool_padding=0, *, str precision='default'"
)
FORWARD = "cnnkit::conv_relu_pool"
WITH_INDICES = "cnnkit::conv_relu_pool_with_winners"
BACKWARD = "cnnkit::conv_relu_pool_backward"
SCHEMAS = {
    FORWARD: f"(Tensor x, Tensor weight, Tensor? bias=None, {PARAMETERS}) -> Tensor",
    WITH_INDICES: f"(Tensor x, Tensor weight, Tensor? bias=None, {PARAMETERS}) -> (Tensor, Tensor)",
    BACKWARD: "(Tensor grad, Tensor x, Tensor indices, Tensor weight, int[2] stride, "
    "int[2] padding, int[2] pool_kernel, int[2] pool_stride, int[2] pool_padding, "
    "bool want_dx) -> (Tensor, Tensor, Tensor)",
}


def three_operations(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes,
    pool_kernel: Sizes,
    pool_stride: Sizes,
    pool_padding: Sizes,
    *,
    ceil_mode: bool = False,
) -> Tensor:
    """Compute the fused operator with PyTorch's operators, on any device and with any dtype."""
    activations = F.relu(F.conv2d(x, weight, bias, stride, padding))
    return F.max_pool2d(
        activations, pool_kernel, pool_stride or None, pool_padding, ceil_mode=ceil_mode
    )


def differentiable(
    x: Any, weight: Any, bias: Any, sizes: Sequence[Size | None], precision: str
) -> Tensor:
    """Call the registered operator with the arguments of `cnnkit.ops.conv_relu_pool`.

    Raises:
        InputError: an argument is invalid.
    """
    x, weight, bias = (
        torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for value in (x, weight, bias)
    )
    for name, value in (("x", x), ("weight", weight), ("bias", bias)):
        if value is not None and not value.is_meta and not torch.is_autocast_enabled("cpu"):
            dense(value, name)
    if is_plain(x, weight, bias) and needs_gradient(x, weight, bias):
        parameters = pairs(sizes)
        if indices_fit(parameters):
            return torch_autograd.differentiable(x, weight, bias, parameters, precision)
    y: Tensor = torch.ops.cnnkit.conv_relu_pool(
        x, weight, bias, *(() if s is None else s for s in sizes), precision=precision
    )
    return y


def _run(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    parameters: Sequence[Sizes],
    precision: str,
    return_indices: bool,
) -> tuple[Tensor, Tensor | None]:
    kernel = pack(weight, bias, parameters, precision)
    x = readable(x, "x")
    return torch_autograd.run(kernel, x, weight.shape[0], return_indices)


def _forward(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> Tensor:
    parameters = complete(sizes)
    if not is_supported(x, weight, bias):
        return three_operations(x, weight, bias, *parameters)
    return _run(x, weight, bias, parameters, precision, return_indices=False)[0]


def _with_indices(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> tuple[Tensor, Tensor]:
    y, indices = _run(x, weight, bias, complete(sizes), precision, return_indices=True)
    assert indices is not None
    return y, indices


def _backward(
    grad: Tensor, x: Tensor, indices: Tensor, weight: Tensor, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    *parameters, want_dx = rest
    kernel = pack_for_gradient(weight, parameters)
    x, indices = readable(x, "x"), readable(indices, "indices")
    return torch_autograd.gradients(kernel, grad, x, indices, weight, parameters, want_dx)


def _autograd(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> Tensor:
    """Choose the implementation of a call that may need a gradient."""
    parameters = complete(sizes)
    # Forward-mode AD and torch.func can differentiate PyTorch's own operators only.
    transformed = forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active()
    if transformed or not is_supported(x, weight, bias):
        return three_operations(x, weight, bias, *parameters)
    if needs_gradient(x, weight, bias):
        if not indices_fit(parameters):
            return three_operations(x, weight, bias, *parameters)
        if is_plain(x, weight, bias):
            return torch_autograd.differentiable(x, weight, bias, parameters, precision)
        y: Tensor = torch.ops.cnnkit.conv_relu_pool_with_winners(
            x, weight, bias, *parameters, precision=precision
        )[0]
        return y
    with torch._C._AutoDispatchBelowAutograd():
        z: Tensor = torch.ops.cnnkit.conv_relu_pool(
            x, weight, bias, *parameters, precision=precision
        )
        return z


def _autocast(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> Tensor:
    """Compute in float32 and answer in the dtype that PyTorch's convolution has here."""
    if any(t is not None and t.dtype is torch.float64 for t in (x, weight, bias)):
        return three_operations(x, weight, bias, *complete(sizes))
    with torch.autocast("cpu", enabled=False):
        y: Tensor = torch.ops.cnnkit.conv_relu_pool(
            *(x.float(), weight.float(), None if bias is None else bias.float()),
            *complete(sizes),
            precision=precision,
        )
    return y.to(torch.get_autocast_dtype("cpu"))


def _fake(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> Tensor:
    parameters = complete(sizes)
    if not is_supported(x, weight, bias) and x.device.type != "meta":
        return three_operations(x, weight, bias, *parameters)
    torch._check(x.ndim == 4 and weight.ndim == 4, lambda: "x and weight must have 4 dimensions")
    torch._check(x.shape[1] == weight.shape[1], lambda: "x and weight differ in channels")
    stride, padding, pool_kernel, pool_stride, pool_padding = parameters
    size = []
    for axis in (0, 1):
        conv = (x.shape[2 + axis] + 2 * padding[axis] - weight.shape[2 + axis]) // stride[axis] + 1
        padded = conv + 2 * pool_padding[axis]
        size.append((padded - pool_kernel[axis]) // pool_stride[axis] + 1)
        torch._check(size[-1] > 0, lambda: "x leaves an empty output")
    return x.new_empty((x.shape[0], weight.shape[0], *size))


def _fake_with_indices(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> tuple[Tensor, Tensor]:
    y = _fake(x, weight, bias, *sizes, precision=precision)
    return y, torch.empty_like(y, dtype=torch.uint8)


def _fake_backward(
    grad: Tensor, x: Tensor, indices: Tensor, weight: Tensor, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    return torch_autograd.empty_gradients(x, weight, rest[-1])


def _save(ctx: Any, inputs: tuple[Any, ...], keyword_only_inputs: Any, output: Any) -> None:
    x, weight, _, *sizes = inputs
    ctx.parameters = complete(sizes)
    ctx.save_for_backward(x, weight, output[1])


def _differentiate(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    x, weight, indices = ctx.saved_tensors
    want_dx, want_dw, want_db, *others = ctx.needs_input_grad
    dx, dw, db = torch.ops.cnnkit.conv_relu_pool_backward(
        grad, x, indices, weight, *ctx.parameters, want_dx
    )
    wanted = (dx if want_dx else None, dw if want_dw else None, db if want_db else None)
    return wanted + (None,) * len(others)


def _save_nothing(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    pass


def _refuse_second(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    raise InputError(
        "cnnkit::conv_relu_pool",
        "has no second derivative",
        "use PyTorch's conv2d, relu and max_pool2d to differentiate twice",
    )


def _register() -> None:
    for name, schema in SCHEMAS.items():
        torch.library.define(name, schema, tags=(torch.Tag.pt2_compliant_tag,))
    torch.library.impl(FORWARD, "CPU", _forward)
    torch.library.impl(FORWARD, "CompositeExplicitAutograd", _forward)
    torch.library.impl(FORWARD, "Autograd", _autograd)
    torch.library.impl(FORWARD, "AutocastCPU", _autocast)
    torch.library.impl(WITH_INDICES, "CPU", _with_indices)
    torch.library.impl(BACKWARD, "CPU", _backward)
    torch.library.register_fake(FORWARD, _fake)
    torch.library.register_fake(WITH_INDICES, _fake_with_indices)
    torch.library.register_fake(BACKWARD, _fake_backward)
    torch.library.register_autograd(WITH_INDICES, _differentiate, setup_context=_save)
    torch.library.register_autograd(BACKWARD, _refuse_second, setup_context=_save_nothing)


_register()
