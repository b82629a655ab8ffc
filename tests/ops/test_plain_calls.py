"""`conv_relu_pool` keeps packed weights between calls, and compares their values in each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.ops import Conv2d, ConvReLUPool, conv_relu_pool, torch_plain

Call = tuple[Tensor, Tensor, Tensor | None]


@pytest.fixture
def call() -> Call:
    torch.manual_seed(0)
    return torch.randn(2, 3, 9, 8), torch.randn(5, 3, 3, 3), torch.randn(5)


def expected(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    y: Tensor = F.max_pool2d(F.relu(F.conv2d(x, weight, bias, padding=1)), 2)
    return y


def through_numpy(call: Call) -> Call:
    call[1].numpy()[:] *= 2
    return call


def through_data(call: Call) -> Call:
    call[1].data.neg_()
    return call


def in_the_bias(call: Call) -> Call:
    assert call[2] is not None
    call[2].numpy()[0] += 3
    return call


def without_a_bias(call: Call) -> Call:
    return call[0], call[1], None


def negated(call: Call) -> Call:
    x, weight, bias = (torch._neg_view(t) for t in call if t is not None)
    return x, weight, bias


def of_other_strides(call: Call) -> Call:
    return call[0].mT.contiguous().mT, call[1].mT, call[2]


CHANGES = [through_numpy, through_data, in_the_bias, without_a_bias, negated, of_other_strides]


@pytest.mark.parametrize("change", CHANGES)
def test_a_plain_call_sees_every_change_of_its_weights(
    call: Call, change: Callable[[Call], Call]
) -> None:
    for now in (call, call, change(call), call):
        arrays: list[Any] = [None if t is None else t.resolve_neg().numpy() for t in now]
        torch.testing.assert_close(conv_relu_pool(*now, padding=1), expected(*now))
        y = conv_relu_pool(arrays[0], arrays[1], arrays[2], padding=1)
        torch.testing.assert_close(torch.as_tensor(y), expected(*now))


def test_sizes_that_only_look_equal_are_refused_in_every_call(call: Call) -> None:
    for padding in (1, (1, 1), [1, 1]):
        torch.testing.assert_close(conv_relu_pool(*call, padding=padding), expected(*call))
    for wrong in (True, (True, 1), 1.0, -1):
        with pytest.raises((InputError, TypeError, RuntimeError)):
            conv_relu_pool(*call, padding=wrong)  # type: ignore[arg-type]


def test_more_weights_than_are_kept_are_still_right(call: Call) -> None:
    x, weight, bias = call
    for factor in (*range(40), *range(40)):
        scaled = weight * (factor / 40)
        torch.testing.assert_close(
            conv_relu_pool(x, scaled, bias, padding=1), expected(x, scaled, bias)
        )


def test_what_changes_operations_is_obeyed_after_a_plain_call(call: Call) -> None:
    x, weight, bias = call
    assert conv_relu_pool(x, weight, bias).dtype is torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert conv_relu_pool(x, weight, bias).dtype is torch.bfloat16
    leaf = x.clone().requires_grad_()
    assert conv_relu_pool(leaf, weight, bias).requires_grad
    batched = torch.vmap(lambda image: conv_relu_pool(image[None], weight, bias))(x)
    torch.testing.assert_close(batched[:, 0], conv_relu_pool(x, weight, bias))


def test_a_default_dtype_does_not_change_the_output(call: Call) -> None:
    conv_relu_pool(*call)
    torch.set_default_dtype(torch.float64)
    try:
        assert conv_relu_pool(*call).dtype is torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.skipif(torch_plain.API is None, reason="PyTorch has no C functions for DLPack")
def test_calls_that_are_plain_are_answered_at_once(call: Call) -> None:
    x, weight, bias = call
    sizes = (1, 1, 2, 2, 0, "default")
    y = _core.plain_call(x, weight, bias, *sizes, None)
    torch.testing.assert_close(y, expected(*call))
    assert _core.plain_call(x.double(), weight, bias, *sizes, None) is None
    assert _core.plain_call(x.requires_grad_(), weight, bias, *sizes, None) is None
    assert _core.plain_call(x[0].detach(), weight, bias, *sizes, None) is None


def test_a_prepared_operation_takes_tensors_of_any_kind(call: Call) -> None:
    x, weight, bias = call
    operation = ConvReLUPool(weight, bias, padding=1)
    assert isinstance(operation, ConvReLUPool)
    for given in (x, x, torch._neg_view(x), x.mT.contiguous().mT, x[:0]):
        torch.testing.assert_close(operation(given), expected(given, weight, bias))
    with pytest.raises(InputError, match="requires a gradient"):
        operation(x.clone().requires_grad_())


def dual(call: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(call(forward_ad.make_dual(x, x))).tangent
    assert tangent is not None
    return tangent


# Each returns what came of the call for another input than the one that was traced.
RECORDED: dict[str, Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]] = {
    "traced": lambda call, x: torch.jit.trace(lambda image: call(image), x)(2 * x),
    "graph": lambda call, x: make_fx(call)(x)(2 * x),
    "vmap": lambda call, x: torch.vmap(lambda image: call(image[None])[0])(x),
    "dual": dual,
}


@pytest.mark.filterwarnings("ignore:.*batching rule:UserWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("how", RECORDED)
def test_prepacked_weights_are_right_where_pytorch_records(call: Call, how: str) -> None:
    x, weight, bias = call
    operator = ConvReLUPool(weight, bias, padding=1)
    found = RECORDED[how](operator, x)
    torch.testing.assert_close(found, RECORDED[how](lambda x: expected(x, weight, bias), x))


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("how", RECORDED)
def test_conv2d_refuses_calls_that_pytorch_records(call: Call, how: str) -> None:
    with pytest.raises(InputError, match="is traced or transformed"):
        RECORDED[how](Conv2d(call[1], padding=1), call[0])
