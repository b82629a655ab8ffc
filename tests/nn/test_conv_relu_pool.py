"""`ConvReLUPool2d` behaves like Conv2d → ReLU → MaxPool2d in every use of a module."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnnkit.errors import InputError
from cnnkit.nn.conv_relu_pool import ConvReLUPool2d

SIZES: dict[str, Any] = {"pool_kernel": 3, "pool_stride": 2, "pool_padding": 1}


def pair_of_modules(**options: Any) -> tuple[ConvReLUPool2d, nn.Sequential]:
    torch.manual_seed(0)
    fused = ConvReLUPool2d(3, 8, 3, padding=1, **SIZES, **options)
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 8, 3, padding=1, bias=options.get("bias", True))
    return fused, nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(3, 2, 1))


@pytest.fixture
def x() -> Tensor:
    return torch.rand(2, 3, 17, 20)


def assert_same(fused: nn.Module, plain: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        torch.testing.assert_close(fused(x), plain(x), rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_it_starts_as_conv2d_starts_and_computes_the_same(
    x: Tensor, bias: bool, training: bool
) -> None:
    fused, plain = pair_of_modules(bias=bias)
    fused.train(training)
    assert_same(fused, plain, x)
    assert_same(fused, plain, x[0])
    conv = plain[0]
    assert list(fused.state_dict()) == list(conv.state_dict())
    fused.load_state_dict(conv.state_dict())


@pytest.mark.parametrize("training", [True, False])
def test_gradients_reach_its_parameters_and_its_input(x: Tensor, training: bool) -> None:
    fused, plain = pair_of_modules()
    fused.train(training)
    found = []
    for module, parameters in ((fused, fused.parameters()), (plain, plain.parameters())):
        leaf = x.clone().requires_grad_()
        module(leaf).square().sum().backward()
        found.append([leaf.grad, *(p.grad for p in parameters)])
    torch.testing.assert_close(*found, rtol=0, atol=1e-4)


def change_in_place(module: Any) -> None:
    module.weight.mul_(2)


def change_the_bias(module: Any) -> None:
    module.bias.add_(1)


def replace_the_data(module: Any) -> None:
    module.weight.data = torch.full_like(module.weight, 0.01)


def replace_the_parameter(module: Any) -> None:
    module.weight = nn.Parameter(torch.full_like(module.weight, 0.02))


def load_others(module: Any) -> None:
    module.load_state_dict({"weight": torch.ones(8, 3, 3, 3), "bias": torch.zeros(8)})


def round_to_half(module: Any) -> None:
    module.half().float()


def write_through_data_in_training(module: Any) -> None:
    module.train()
    module.weight.data.mul_(-1)
    module.eval()


def write_through_data(module: Any) -> None:
    module.weight.data[1, 2] *= -1


def write_the_bias_through_numpy(module: Any) -> None:
    module.bias.detach().numpy()[3] += 2


def another_stride(module: Any) -> None:
    module.stride = (2, 2)


@pytest.mark.parametrize(
    "change",
    [
        change_in_place,
        change_the_bias,
        replace_the_data,
        replace_the_parameter,
        load_others,
        round_to_half,
        write_through_data_in_training,
        write_through_data,
        write_the_bias_through_numpy,
        another_stride,
    ],
)
def test_prepared_weights_follow_every_change(x: Tensor, change: Any) -> None:
    fused, plain = pair_of_modules()
    fused.eval()
    for _ in range(2):
        assert_same(fused, plain, x)
        with torch.no_grad():
            change(fused)
            change(plain[0])
        assert_same(fused, plain, x)


def test_weights_are_made_ready_once(x: Tensor) -> None:
    fused, _ = pair_of_modules()
    fused.eval()
    with torch.no_grad():
        fused(x)
        packed = fused._block._packed
        fused(x)
    assert packed is not None
    assert fused._block._packed is packed


def test_weights_made_in_inference_mode_are_never_stale(x: Tensor) -> None:
    with torch.inference_mode():
        fused, plain = (module.eval() for module in pair_of_modules())
        for _ in range(2):
            assert_same(fused, plain, x)
            fused.weight.mul_(2)
            plain[0].weight.mul_(2)


def test_copies_and_files_are_whole_and_independent(x: Tensor) -> None:
    fused, plain = pair_of_modules(precision="fast")
    fused.eval()
    assert_same(fused, plain, x)
    file = io.BytesIO()
    torch.save(fused, file)
    file.seek(0)
    copies = copy.deepcopy(fused), torch.load(file, weights_only=False)
    with torch.no_grad():
        fused.weight.zero_()
    for other in copies:
        assert other.precision == "fast"
        assert_same(other, plain, x)


def test_other_precisions_are_computed_by_pytorch(x: Tensor) -> None:
    fused, plain = (module.eval().double() for module in pair_of_modules())
    with torch.no_grad():
        assert torch.equal(fused(x.double()), plain(x.double()))
        assert fused.bfloat16()(x.bfloat16()).dtype is torch.bfloat16


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("padding", [0, 1])
def test_ceil_mode_is_max_pools(stride: int, padding: int) -> None:
    fused = ConvReLUPool2d(2, 3, 2, 1, 0, 3, stride, padding, ceil_mode=True).eval()
    pool = nn.MaxPool2d(3, stride, padding, ceil_mode=True)
    plain = nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU(), pool)
    plain[0].load_state_dict(fused.state_dict())
    for side in range(4, 20):
        assert_same(fused, plain, torch.rand(1, 2, side, side + 3))


def test_it_compiles_and_exports_as_one_operation(x: Tensor) -> None:
    fused, _ = pair_of_modules()
    fused.eval()
    program = torch.export.export(fused, (x,))
    calls = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert calls == [torch.ops.cnnkit.conv_relu_pool.default]
    traced = torch.fx.symbolic_trace(fused)
    compiled = torch.compile(fused, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        for other in (program.module(), traced, compiled):
            torch.testing.assert_close(other(x), fused(x))


def test_its_text_says_what_it_is() -> None:
    text = str(ConvReLUPool2d(3, 8, (3, 5), bias=False, precision="fast", **SIZES))
    assert text == (
        "ConvReLUPool2d(3, 8, kernel_size=(3, 5), stride=(1, 1), padding=(0, 0), "
        "pool_kernel=(3, 3), pool_stride=(2, 2), pool_padding=(1, 1), bias=False, "
        "precision='fast')"
    )


@pytest.mark.parametrize("padding", ["same", "valid", 2])
def test_it_is_made_of_modules_with_their_own_parameters(x: Tensor, padding: Any) -> None:
    conv = nn.Conv2d(3, 8, (3, 5), padding=padding)
    pool = nn.MaxPool2d(2)
    fused = ConvReLUPool2d.from_modules(conv, pool)
    assert fused.weight is conv.weight
    assert fused.bias is conv.bias
    assert_same(fused.eval(), nn.Sequential(conv, nn.ReLU(), pool), x)


@pytest.mark.parametrize(
    ("conv", "pool", "reason"),
    [
        ({"groups": 2}, {}, "2 groups"),
        ({"dilation": 2}, {}, "the convolution has dilation"),
        ({"padding_mode": "reflect", "padding": 1}, {}, "pads with 'reflect'"),
        ({"padding": "same", "kernel_size": 2}, {}, "'same' is asymmetric"),
        ({}, {"dilation": (1, 2)}, "the pool has dilation"),
        ({}, {"return_indices": True}, "the pool returns indices"),
    ],
)
def test_what_it_cannot_be_made_of_is_said(conv: Any, pool: Any, reason: str) -> None:
    options = {"kernel_size": 3, **conv}
    with pytest.raises(InputError, match=reason):
        ConvReLUPool2d.from_modules(nn.Conv2d(4, 8, **options), nn.MaxPool2d(2, **pool))


def test_a_bad_option_is_named() -> None:
    with pytest.raises(InputError, match="precision: is 'best'"):
        ConvReLUPool2d(1, 1, 3, precision="best")
    with pytest.raises(InputError, match=r"pool_kernel: is 2\.5"):
        ConvReLUPool2d(1, 1, 3, pool_kernel=2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("training", [True, False])
def test_an_input_of_too_few_dimensions_is_named(training: bool) -> None:
    fused, _ = pair_of_modules()
    with torch.no_grad(), pytest.raises(InputError, match="x: has shape"):
        fused.train(training)(torch.rand(3, 8))
