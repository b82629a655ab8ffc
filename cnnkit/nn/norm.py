"""A batch-norm in eval mode, folded into the convolution before it, with gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from cnnkit.ops.tensors import readable
from cnnkit.ops.torch_autograd import gradients, run
from cnnkit.ops.torch_weights import pack_now


class Norm(NamedTuple):
    """A batch-norm in eval mode; all tensors are [C_out]."""

    mean: Tensor
    variance: Tensor
    weight: Tensor | None
    bias: Tensor | None
    eps: float


class Folded(NamedTuple):
    """A convolution's weight and bias with a batch-norm in them.

    Attributes:
        weight: [C_out, C_in, kernel rows, kernel columns].
        bias: [C_out].
        factor: [C_out] in float64: what the weight was multiplied by, ...
        deviation: ... and the inverse of the standard deviation in it.
    """

    weight: Tensor
    bias: Tensor
    factor: Tensor
    deviation: Tensor


def fold(weight: Tensor, bias: Tensor | None, norm: Norm) -> Folded:
    """Fold a batch-norm into a convolution: computed in float64, rounded once, not recorded."""
    with torch.no_grad():
        for name, tensor in (("weight", weight), ("bias", bias), *norm._asdict().items()):
            if isinstance(tensor, Tensor):
                readable(tensor, name)  # PyTorch would read freed memory
        factor = deviation = (norm.variance.double() + norm.eps).rsqrt()
        if norm.weight is not None:
            factor = deviation * norm.weight
        shift = norm.mean if bias is None else norm.mean - bias.double()
        shift = shift * -factor if norm.bias is None else norm.bias - shift * factor
        folded = (weight * factor[:, None, None, None]).float()
        return Folded(folded, shift.float(), factor, deviation)


def normed(
    x: Tensor, weight: Tensor, bias: Tensor | None, norm: Norm, sizes: Any, precision: str
) -> Tensor:
    """Compute convolution, batch-norm, ReLU and max-pool on plain tensors, recorded by autograd.

    `norm.mean` and `norm.variance` need no gradient.
    """
    y: Tensor = _ConvNormReLUPool.apply(
        *(x, weight, bias, norm.weight, norm.bias), norm, sizes, precision
    )
    return y


class _ConvNormReLUPool(torch.autograd.Function):
    @staticmethod
    def forward(  # the base class declares any arguments
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        norm_weight: Tensor | None,
        norm_bias: Tensor | None,
        norm: Norm,
        sizes: Any,
        precision: str,
    ) -> Tensor:
        folded = fold(weight, bias, norm)
        x, kernel = readable(x, "x"), pack_now(folded.weight, folded.bias, sizes, precision)
        y, indices = run(kernel, x, weight.shape[0], return_indices=True)
        ctx.kernel, ctx.sizes = kernel, sizes
        ctx.save_for_backward(x, weight, bias, norm.mean, indices, *folded)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, indices, folded, _, factor, deviation = ctx.saved_tensors
        want_x, want_weight, want_bias, want_norm_weight, want_norm_bias, *_ = ctx.needs_input_grad
        if torch.is_grad_enabled():  # create_graph: the registered operator rejects that
            dx, dw, db = torch.ops.cnnkit.conv_relu_pool_backward(
                grad, x, indices, folded, *ctx.sizes, want_x
            )
        else:
            dx, dw, db = gradients(ctx.kernel, grad, x, indices, folded, ctx.sizes, want_x)
        found: list[Tensor | None] = [None] * 5
        if want_x:
            found[0] = dx
        if want_weight:
            found[1] = (dw * factor[:, None, None, None]).float()
        if want_bias:
            found[2] = (db * factor).float()
        if want_norm_weight:
            shift = mean if bias is None else mean - bias.double()
            found[3] = (((dw * weight).double().sum((1, 2, 3)) - db * shift) * deviation).float()
        if want_norm_bias:
            found[4] = db
        return (*found, None, None, None)
