"""The fused operation as PyTorch's own: `torch.ops.cnnkit.conv_relu_pool(x, weight, bias, 1, 1)`.

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
from cnnkit.ops import torch_autograd as torch_eager
from cnnkit.ops.reference import Size
from cnnkit.ops.torch_autograd import has_gradient, is_native, is_plain, needs_gradient
from cnnkit.ops.torch_weights import Sizes, prepare, prepare_gradient

# Like PyTorch's max_pool2d and max_pool2d_with_indices: the public operation costs no winners, the
# inner one carries the gradient.
PARAMETERS = (
    "int[2] stride=1, int[2] padding=0, int[2] pool_kernel=2, int[2] pool_stride=[], "
    "int[2] pool_padding=0, *, str precision='default'"
)
FORWARD = "cnnkit::conv_relu_pool"
WITH_WINNERS = "cnnkit::conv_relu_pool_with_winners"
BACKWARD = "cnnkit::conv_relu_pool_backward"
SCHEMAS = {
    FORWARD: f"(Tensor x, Tensor weight, Tensor? bias=None, {PARAMETERS}) -> Tensor",
    WITH_WINNERS: f"(Tensor x, Tensor weight, Tensor? bias=None, {PARAMETERS}) -> (Tensor, Tensor)",
    BACKWARD: "(Tensor grad, Tensor x, Tensor winners, Tensor weight, int[2] stride, "
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
    """Compute what the fused operation computes, by PyTorch: on any device, in any precision."""
    activations = F.relu(F.conv2d(x, weight, bias, stride, padding))
    return F.max_pool2d(
        activations, pool_kernel, pool_stride or None, pool_padding, ceil_mode=ceil_mode
    )


def differentiable(
    x: Any, weight: Any, bias: Any, sizes: Sequence[Size | None], precision: str
) -> Tensor:
    """Call the registered operation with what `cnnkit.ops.conv_relu_pool` was given.

    Raises:
        InputError: an argument is not what it must be.
    """
    x, weight, bias = (
        torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for value in (x, weight, bias)
    )
    for name, value in (("x", x), ("weight", weight), ("bias", bias)):
        if value is not None and not is_native(value):
            reason = f"has dtype {value.dtype} on {value.device}"
            raise InputError(name, reason, "give float32 on the CPU")
    if is_plain(x, weight, bias) and needs_gradient(x, weight, bias):
        parameters = _pairs(sizes)
        if has_gradient(parameters):
            return torch_eager.differentiable(x, weight, bias, parameters, precision)
    y: Tensor = torch.ops.cnnkit.conv_relu_pool(
        x, weight, bias, *(() if s is None else s for s in sizes), precision=precision
    )
    return y


def _pairs(sizes: Sequence[Size | None]) -> list[Any]:
    """Return what `cnnkit.ops.conv_relu_pool` was given as pairs, faulty ones as they are."""
    stride, padding, kernel, step, ring = sizes
    given = (stride, padding, kernel, kernel if step is None else step, ring)
    return [[size, size] if isinstance(size, int) else size for size in given]


def _run(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    parameters: Sequence[Sizes],
    precision: str,
    winners_wanted: bool,
) -> tuple[Tensor, Tensor | None]:
    kernel = prepare(weight, bias, parameters, precision)
    x = x.resolve_neg().contiguous()
    return torch_eager.run(kernel, x, weight.shape[0], winners_wanted)


def _forward(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> Tensor:
    parameters = _complete(sizes)
    if not is_native(x, weight, bias):
        return three_operations(x, weight, bias, *parameters)
    return _run(x, weight, bias, parameters, precision, winners_wanted=False)[0]


def _with_winners(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> tuple[Tensor, Tensor]:
    y, winners = _run(x, weight, bias, _complete(sizes), precision, winners_wanted=True)
    assert winners is not None
    return y, winners


def _backward(
    grad: Tensor, x: Tensor, winners: Tensor, weight: Tensor, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    *parameters, want_dx = rest
    kernel = prepare_gradient(weight, parameters)
    x, winners = (tensor.resolve_neg().contiguous() for tensor in (x, winners))
    return torch_eager.gradients(kernel, grad, x, winners, weight, want_dx)


def _autograd(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> Tensor:
    """Choose how a call that may need a gradient is computed."""
    parameters = _complete(sizes)
    # Forward mode and torch.func differentiate what PyTorch's own operations are made of.
    transformed = forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active()
    if transformed or not is_native(x, weight, bias):
        return three_operations(x, weight, bias, *parameters)
    if needs_gradient(x, weight, bias):
        if not has_gradient(parameters):
            return three_operations(x, weight, bias, *parameters)
        if is_plain(x, weight, bias):
            return torch_eager.differentiable(x, weight, bias, parameters, precision)
        y: Tensor = torch.ops.cnnkit.conv_relu_pool_with_winners(
            x, weight, bias, *parameters, precision=precision
        )[0]
        return y
    with torch._C._AutoDispatchBelowAutograd():
        z: Tensor = torch.ops.cnnkit.conv_relu_pool(
            x, weight, bias, *parameters, precision=precision
        )
        return z


def _complete(sizes: Sequence[Sizes]) -> list[Sizes]:
    """Fill up what a caller left out: PyTorch hands defaults over only in part."""
    defaults: list[Sizes] = [[1, 1], [0, 0], [2, 2], [], [0, 0]]
    given = list(sizes) + defaults[len(sizes) :]
    given[3] = given[3] or given[2]
    return [list(size) if len(size) == 2 else [size[0]] * 2 for size in given]


def _fake(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> Tensor:
    parameters = _complete(sizes)
    if not is_native(x, weight, bias) and x.device.type != "meta":
        return three_operations(x, weight, bias, *parameters)
    torch._check(x.ndim == 4 and weight.ndim == 4, lambda: "x and weight must have 4 dimensions")
    torch._check(x.shape[1] == weight.shape[1], lambda: "x and weight differ in channels")
    stride, padding, kernel, step, ring = parameters
    size = []
    for axis in (0, 1):
        conv = (x.shape[2 + axis] + 2 * padding[axis] - weight.shape[2 + axis]) // stride[axis] + 1
        size.append((conv + 2 * ring[axis] - kernel[axis]) // step[axis] + 1)
        torch._check(size[-1] > 0, lambda: "x leaves an empty output")
    return x.new_empty((x.shape[0], weight.shape[0], *size))


def _fake_with_winners(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *sizes: Sizes, precision: str = "default"
) -> tuple[Tensor, Tensor]:
    y = _fake(x, weight, bias, *sizes, precision=precision)
    return y, torch.empty_like(y, dtype=torch.uint8)


def _fake_backward(
    grad: Tensor, x: Tensor, winners: Tensor, weight: Tensor, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    return torch_eager.rooms(x, weight, rest[-1])


def _save(ctx: Any, inputs: tuple[Any, ...], keyword_only_inputs: Any, output: Any) -> None:
    x, weight, _, *sizes = inputs
    ctx.parameters = _complete(sizes)
    ctx.save_for_backward(x, weight, output[1])


def _differentiate(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    x, weight, winners = ctx.saved_tensors
    want_dx, want_dw, want_db, *others = ctx.needs_input_grad
    dx, dw, db = torch.ops.cnnkit.conv_relu_pool_backward(
        grad, x, winners, weight, *ctx.parameters, want_dx
    )
    wanted = (dx if want_dx else None, dw if want_dw else None, db if want_db else None)
    return wanted + (None,) * len(others)


def _save_nothing(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    pass


def _refuse_second(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    raise InputError(
        "cnnkit::conv_relu_pool",
        "has no second derivative",
        "use PyTorch's conv2d, relu and max_pool2d where you differentiate twice",
    )


def _register() -> None:
    for name, schema in SCHEMAS.items():
        torch.library.define(name, schema, tags=(torch.Tag.pt2_compliant_tag,))
    torch.library.impl(FORWARD, "CPU", _forward)
    torch.library.impl(FORWARD, "CompositeExplicitAutograd", _forward)
    torch.library.impl(FORWARD, "Autograd", _autograd)
    torch.library.impl(WITH_WINNERS, "CPU", _with_winners)
    torch.library.impl(BACKWARD, "CPU", _backward)
    torch.library.register_fake(FORWARD, _fake)
    torch.library.register_fake(WITH_WINNERS, _fake_with_winners)
    torch.library.register_fake(BACKWARD, _fake_backward)
    torch.library.register_autograd(WITH_WINNERS, _differentiate, setup_context=_save)
    torch.library.register_autograd(BACKWARD, _refuse_second, setup_context=_save_nothing)


_register()
