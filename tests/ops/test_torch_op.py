"""The fused operator in PyTorch: gradients, fake tensors, torch.compile, torch.export."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from support.problems import problems
from torch import Tensor

import cnnkit.ops.torch_op  # noqa: F401 (registers what is tested)
from cnnkit import ops
from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture
from cnnkit.nn.network import Network
from cnnkit.ops import torch_weights
from cnnkit.ops.cases import CASES, REFERENCE_BLOCKS, Case

op = torch.ops.cnnkit.conv_relu_pool
SIZES = ([1, 1], [1, 1], [3, 2], [2, 2], [1, 1])  # the arguments after the tensors
GRADIENT_TOLERANCE = 5e-6  # of the largest entry

# torch.library.opcheck looks at .grad of tensors that it made itself.
opcheck_warns = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
# torch.compile does, on a machine without a GPU toolkit or with an old module of its own.
compile_warns = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def tensors(case: Case, grad: bool = False) -> list[Tensor]:
    return [torch.from_numpy(array).requires_grad_(grad) for array in case.arrays()]


def three(x: Tensor, weight: Tensor, bias: Tensor | None, **p: Any) -> Tensor:
    activations = F.relu(F.conv2d(x, weight, bias, p["stride"], p["padding"]))
    return F.max_pool2d(activations, p["pool_kernel"], p["pool_stride"], p["pool_padding"])


def gradients(
    run: Callable[..., Tensor], arguments: list[Tensor | None], grad: Tensor, **p: Any
) -> list[Tensor]:
    leaves = [None if a is None else a.detach().clone().requires_grad_() for a in arguments]
    run(*leaves, **p).backward(grad)  # type: ignore[no-untyped-call]
    return [leaf.grad for leaf in leaves if leaf is not None and leaf.grad is not None]


def assert_gradients_of_float64(arguments: list[Tensor | None], p: dict[str, Any]) -> None:
    doubles = [None if a is None else a.double() for a in arguments]
    y = three(*doubles, **p)  # type: ignore[arg-type]
    grad = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, y.shape))
    expected = gradients(three, doubles, grad, **p)
    found = gradients(ops.conv_relu_pool, arguments, grad.float(), **p)
    assert len(found) == len(expected)
    for mine, truth in zip(found, expected, strict=True):
        assert mine.shape == truth.shape
        if truth.numel():
            assert (mine - truth).abs().max() <= GRADIENT_TOLERANCE * max(truth.abs().max(), 1e-30)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gradients_of_every_case_are_those_of_float64(case: Case) -> None:
    assert_gradients_of_float64([*tensors(case)], case.parameters)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(problem=problems())
def test_gradients_of_any_shape_are_those_of_float64(problem: dict[str, Any]) -> None:
    generator = np.random.default_rng(problem["seed"])
    draw = lambda *s: torch.from_numpy(generator.uniform(-1, 1, s).astype(np.float32))  # noqa: E731
    x, weight = draw(*problem["x"]), draw(problem["out"], problem["x"][1], *problem["kernel"])
    bias = draw(problem["out"]) if problem["bias"] else None
    assert_gradients_of_float64([x, weight, bias], problem["parameters"])


def test_of_equal_values_in_a_window_the_first_gets_the_gradient() -> None:
    x = torch.ones(1, 1, 4, 4, requires_grad=True)
    op(x, torch.ones(1, 1, 1, 1)).sum().backward()
    expected = torch.zeros(4, 4)
    expected[::2, ::2] = 1
    assert x.grad is not None
    assert torch.equal(x.grad[0, 0], expected)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_where_relu_gives_zero_nothing_gets_a_gradient(value: float) -> None:
    x = torch.full((1, 1, 4, 4), value, requires_grad=True)
    weight = torch.ones(1, 1, 1, 1, requires_grad=True)
    op(x, weight).sum().backward()
    for tensor in (x, weight):
        assert tensor.grad is not None
        assert not tensor.grad.any()


def test_only_the_gradients_asked_for_are_computed() -> None:
    x, weight, bias = tensors(REFERENCE_BLOCKS[0])
    weight.requires_grad_()
    y = ops.conv_relu_pool(x, weight, bias, padding=1)
    assert y.requires_grad
    (grad,) = torch.autograd.grad(y.sum(), weight)
    assert grad.shape == weight.shape
    assert not ops.conv_relu_pool(x, weight.detach(), bias, padding=1).requires_grad
    with torch.no_grad():
        assert not ops.conv_relu_pool(x, weight, bias, padding=1).requires_grad


def test_gradients_do_not_depend_on_the_threads() -> None:
    arguments = [*tensors(REFERENCE_BLOCKS[1])]
    grad = torch.ones(16, 4, 7, 7)
    found = []
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(gradients(ops.conv_relu_pool, arguments, grad, padding=1))
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_numpy_arguments_go_with_a_tensor_that_needs_a_gradient() -> None:
    x, weight, bias = REFERENCE_BLOCKS[0].arrays()
    leaf = torch.from_numpy(weight).requires_grad_()
    y: Any = ops.conv_relu_pool(x, leaf, bias, padding=1)
    y.sum().backward()
    assert leaf.grad is not None


def test_a_second_derivative_is_refused() -> None:
    x, weight, bias = tensors(REFERENCE_BLOCKS[0], grad=True)
    (first,) = torch.autograd.grad(
        op(x, weight, bias, 1, 1).square().sum(), weight, create_graph=True
    )
    with pytest.raises(InputError, match="no second derivative"):
        torch.autograd.grad(first.sum(), weight)


def test_other_precisions_are_computed_by_pytorch() -> None:
    x, weight, bias = (t.double().requires_grad_() for t in tensors(CASES[0]))
    p = CASES[0].parameters
    y = op(x, weight, bias, 1, 1)
    assert torch.equal(y, three(x, weight, bias, **p))
    y.sum().backward()
    assert weight.grad is not None
    assert op(x.half(), weight.half(), bias.half(), 1, 1).dtype is torch.float16
    assert op(x.to("meta"), weight.to("meta"), bias.to("meta"), 1, 1).shape == y.shape


def test_a_pool_window_of_more_taps_than_a_byte_counts_has_a_gradient() -> None:
    x, weight = torch.rand(1, 1, 20, 20), torch.rand(1, 1, 1, 1)
    p = {"stride": 1, "padding": 0, "pool_kernel": 16, "pool_stride": 4, "pool_padding": 0}
    assert_gradients_of_float64([x, weight, None], p)


def test_function_transforms_differentiate_too() -> None:
    case = CASES[2]
    x, weight, bias = tensors(case)
    mine = torch.func.grad(lambda w: ops.conv_relu_pool(x, w, bias, padding=1).square().sum())
    expected = torch.func.grad(lambda w: three(x, w, bias, **case.parameters).square().sum())
    torch.testing.assert_close(mine(weight), expected(weight))


# PyTorch's own forward mode scripts functions when it first starts.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
def test_forward_mode_is_not_dropped_in_silence() -> None:
    case = CASES[2]
    x, weight, bias = tensors(case)
    for dual in (weight, x):
        with torch.autograd.forward_ad.dual_level():
            tangent = torch.ones_like(dual)
            moved = torch.autograd.forward_ad.make_dual(dual, tangent)
            arguments = [moved if t is dual else t for t in (x, weight, bias)]
            found, expected = (
                torch.autograd.forward_ad.unpack_dual(y).tangent
                for y in (
                    ops.conv_relu_pool(*arguments, padding=1),
                    three(*arguments, **case.parameters),
                )
            )
        torch.testing.assert_close(found, expected)


@opcheck_warns
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("name", ["conv_relu_pool", "conv_relu_pool_with_winners"])
@pytest.mark.parametrize("case", [REFERENCE_BLOCKS[1], CASES[10]], ids=lambda case: case.name)
def test_pytorch_finds_no_fault_with_the_operations(case: Case, name: str, grad: bool) -> None:
    x, weight, bias = tensors(case, grad)
    operation = getattr(torch.ops.cnnkit, name)
    torch.library.opcheck(operation, (x, weight, bias, *SIZES))
    torch.library.opcheck(operation, (x, weight, None, *SIZES), {"precision": "fast"})


@opcheck_warns
@pytest.mark.parametrize("want_dx", [False, True])
def test_pytorch_finds_no_fault_with_the_backward_operation(want_dx: bool) -> None:
    x, weight, bias = tensors(REFERENCE_BLOCKS[1])
    y, indices = torch.ops.cnnkit.conv_relu_pool_with_winners(x, weight, bias, *SIZES)
    arguments = (torch.rand_like(y), x, indices, weight, *SIZES, want_dx)
    torch.library.opcheck(torch.ops.cnnkit.conv_relu_pool_backward, arguments)


@compile_warns
def test_it_compiles_without_a_break_and_gradients_stay() -> None:
    arguments = [*tensors(REFERENCE_BLOCKS[1])]
    compiled = torch.compile(
        lambda x, w, b: ops.conv_relu_pool(x, w, b, padding=1) * 2, fullgraph=True, dynamic=True
    )
    grad = torch.ones(16, 4, 7, 7)
    eager = gradients(lambda *a: ops.conv_relu_pool(*a, padding=1) * 2, arguments, grad)
    for mine, expected in zip(gradients(compiled, arguments, grad), eager, strict=True):
        torch.testing.assert_close(mine, expected)
    with torch.no_grad():
        y = compiled(*arguments)
    torch.testing.assert_close(y, ops.conv_relu_pool(*arguments, padding=1) * 2)


def test_it_is_exported_as_one_node_for_any_batch() -> None:
    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            _, weight, bias = tensors(REFERENCE_BLOCKS[0])
            self.weight, self.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)

        def forward(self, x: Tensor) -> Tensor:
            return ops.conv_relu_pool(x, self.weight, self.bias, padding=1)

    x = tensors(REFERENCE_BLOCKS[0])[0]
    program = torch.export.export(
        Block().eval(), (x,), dynamic_shapes=({0: torch.export.Dim("n")},)
    )
    assert [n.target for n in program.graph.nodes if n.op == "call_function"] == [op.default]
    with torch.no_grad():
        assert torch.equal(program.module()(x[:5]), Block()(x[:5]))


@pytest.mark.parametrize("grad", [False, True])
def test_large_weights_are_made_ready_once_and_no_change_is_missed(grad: bool) -> None:
    x, weight, bias = torch.rand(1, 32, 8, 8), torch.rand(32, 32, 3, 3) - 0.5, torch.rand(32)
    parameter = torch.nn.Parameter(weight, requires_grad=grad)
    p = {"stride": 1, "padding": 1, "pool_kernel": 2, "pool_stride": 2, "pool_padding": 0}
    for factor in (1, 1, -1, 2):
        parameter.data.mul_(factor)  # which does not increase PyTorch's version counter
        bias.data.add_(factor)
        y, expected = ops.conv_relu_pool(x, parameter, bias, **p), three(x, parameter, bias, **p)
        torch.testing.assert_close(y, expected)
        if grad:
            found = [torch.autograd.grad(z.square().sum(), parameter)[0] for z in (y, expected)]
            torch.testing.assert_close(*found, rtol=1e-4, atol=1e-3)
        y = op(x, parameter, bias, 1, 1, 3, 1)
        assert y.shape == (1, 32, 6, 6)


def test_kept_weights_are_dropped_with_their_tensor() -> None:
    weight = torch.rand(32, 32, 3, 3)
    before = len(torch_weights._cache)
    op(torch.rand(1, 32, 8, 8), weight)
    assert len(torch_weights._cache) == before + 1
    del weight
    gc.collect()
    assert len(torch_weights._cache) <= before


def test_a_training_step_of_the_network_is_the_same() -> None:
    torch.manual_seed(0)
    images, labels = torch.rand(16, 1, 28, 28), torch.arange(16) % 10
    plain, fused = Network(), Network()

    def logits(x: Tensor) -> Tensor:
        for conv, block in zip(fused.convs, Architecture().blocks, strict=True):
            x = ops.conv_relu_pool(
                x, conv.weight, conv.bias, padding=block.padding, pool_kernel=block.pool
            )
        y: Tensor = fused.linear(x.flatten(1))
        return y

    for network, scores in ((plain, plain.logits), (fused, logits)):
        # Not Adam, which turns the rounding of a gradient close to zero into a whole step.
        descent = torch.optim.SGD(network.parameters(), lr=0.1)
        for _ in range(3):
            descent.zero_grad()
            F.nll_loss(F.log_softmax(scores(images), 1), labels).backward()
            descent.step()
    for mine, expected in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, expected, rtol=0, atol=2e-5)


def test_neither_cnnkit_nor_its_operations_import_pytorch() -> None:
    code = "import sys, cnnkit, cnnkit.ops.fused; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "dtype": ({"x": torch.rand(1, 1, 8, 8).double()}, "x: has dtype torch.float64"),
    "rank": ({"x": torch.rand(1, 8, 8)}, r"x: has shape \(1, 8, 8\). Give 4 dimensions"),
    "channels": ({"x": torch.rand(1, 3, 8, 8)}, "x: has 3 channels. Give the 1 that weight"),
    "bias": ({"bias": torch.rand(7)}, "bias: has 7 values"),
    "stride": ({"stride": 0}, "stride"),
    "precision": ({"precision": "best"}, "precision: is 'best'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_argument_is_named_where_a_gradient_flows_too(name: str) -> None:
    change, message = BAD[name]
    arguments = {"x": torch.rand(1, 1, 8, 8), "weight": torch.rand(2, 1, 3, 3), **change}
    arguments["weight"].requires_grad_()
    with pytest.raises(InputError, match=message):
        ops.conv_relu_pool(**arguments)


def test_a_tensor_whose_storage_was_freed_is_refused() -> None:
    def freed(shape: tuple[int, ...], whole: tuple[int, ...] | None = None) -> Tensor:
        tensor = torch.rand(whole or shape)
        part = tensor if whole is None else tensor[1]
        tensor.untyped_storage().resize_(0)
        return part

    x, weight = torch.rand(2, 3, 12, 14), torch.rand(64, 3, 5, 5)
    operator = ops.ConvReLUPool(weight)
    for arguments in (
        (freed(x.shape), weight),
        (freed(x.shape, (2, *x.shape)), weight),  # its address is not zero
        (x, freed(weight.shape)),
        (x, weight, freed((64,))),
    ):
        for call in (ops.conv_relu_pool, torch.ops.cnnkit.conv_relu_pool):
            with pytest.raises(InputError, match="its storage was freed"):
                call(*arguments)
    with pytest.raises(InputError, match="x: has no memory: its storage was freed"):
        operator(freed(x.shape))


def test_zero_tensors_are_zeros() -> None:
    x, weight = torch.rand(2, 3, 12, 14), torch.rand(8, 3, 3, 3).requires_grad_()
    zero = torch._efficientzerotensor(x.shape)
    with torch.no_grad():
        assert not ops.conv_relu_pool(zero, weight.detach()).any()
        assert not torch.ops.cnnkit.conv_relu_pool(zero, weight).any()
        assert not ops.ConvReLUPool(weight)(zero).any()
    y = ops.conv_relu_pool(x, weight)
    y.backward(torch._efficientzerotensor(y.shape))
    assert weight.grad is not None
    assert not weight.grad.any()


def test_meta_tensors_give_meta_tensors() -> None:
    x, weight = torch.rand(2, 3, 12, 14, device="meta"), torch.rand(8, 3, 3, 3, device="meta")
    for call in (ops.conv_relu_pool, torch.ops.cnnkit.conv_relu_pool):
        y = call(x, weight)
        assert y.is_meta
        assert y.shape == (2, 8, 5, 6)
    with pytest.raises(InputError, match="x: is on the meta device"):
        ops.ConvReLUPool(torch.rand(8, 3, 3, 3))(x)
