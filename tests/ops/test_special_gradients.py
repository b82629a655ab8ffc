"""Where a value is infinite or NaN, gradients are PyTorch's: 0 · ∞ is NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cnnkit.nn.block import Sizes
from cnnkit.nn.norm import Norm, normed
from cnnkit.ops import conv_relu_pool
from cnnkit.ops.torch_op import three_operations

# An infinite weight on padding is NaN in some of PyTorch's convolutions and not in others.
SIZES = {
    "plain": Sizes((1, 1), (0, 0), (2, 2), (2, 2), (0, 0)),
    "overlapping": Sizes((2, 1), (0, 1), (3, 2), (2, 1), (1, 1)),
}


def values(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def gradients(call: Callable[..., Tensor], given: list[Tensor], grad: Tensor | None) -> list[Any]:
    """Return an output and the gradients of all arguments."""
    leaves = [tensor.clone().requires_grad_() for tensor in given]
    y = call(*leaves)
    (y * (torch.ones_like(y) if grad is None else grad)).sum().backward()
    return [y.detach(), *(leaf.grad for leaf in leaves)]


def assert_same(ours: list[Any], theirs: list[Any]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("special", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("where", ["pixel", "weight", "bias"])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("way", ["function", "operator"])
def test_a_value_that_is_not_finite_reaches_the_gradients(
    special: float, where: str, sizes: str, way: str
) -> None:
    given = values((2, 2, 8, 7), (3, 2, 3, 3), (3,))
    given[("pixel", "weight", "bias").index(where)].view(-1)[1] = special
    known = SIZES[sizes]
    operator = torch.ops.cnnkit.conv_relu_pool
    call = {
        "function": lambda *t: conv_relu_pool(*t, *known),
        "operator": lambda *t: operator(*t, *map(list, known)),
    }[way]
    expected = gradients(lambda *t: three_operations(*t, *map(list, known)), given, None)
    assert_same(gradients(call, given, None), expected)
    if where == "pixel":
        assert expected[2].isnan().any()


@pytest.mark.parametrize("special", [math.inf, math.nan])
def test_an_output_gradient_that_is_not_finite_is_passed_on(special: float) -> None:
    given = values((1, 2, 8, 8), (3, 2, 3, 3), (3,))
    grad = torch.ones(1, 3, 3, 3)
    grad[0, 1, 2, 2] = grad[0, 0, 0, 0] = special
    known = SIZES["plain"]
    expected = gradients(lambda *t: three_operations(*t, *map(list, known)), given, grad)
    assert_same(gradients(lambda *t: conv_relu_pool(*t, *known), given, grad), expected)


@pytest.mark.parametrize("special", [math.inf, -math.inf, math.nan])
def test_batch_norm_passes_infinite_pixels_on(special: float) -> None:
    given = values((2, 2, 8, 8), (3, 2, 3, 3), (3,), (3,), (3,))
    mean, variance = torch.tensor([0.1, -0.2, 0.3]), torch.tensor([1.0, 0.5, 2.0])
    given[0][0, 1, 4, 4] = special

    def ours(x: Tensor, weight: Tensor, bias: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        norm = Norm(mean, variance, gamma, beta, 1e-5)
        return normed(x, weight, bias, norm, SIZES["plain"], "default")

    def theirs(x: Tensor, weight: Tensor, bias: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        y = F.conv2d(x, weight, bias)
        return F.max_pool2d(F.relu(F.batch_norm(y, mean, variance, gamma, beta)), 2)

    found, expected = gradients(ours, given, None), gradients(theirs, given, None)
    assert_same(found[:3], expected[:3])
    for a, b in zip(found[3:], expected[3:], strict=True):
        assert torch.equal(a.isfinite(), b.isfinite())
