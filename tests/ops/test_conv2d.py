"""`Conv2d` equals PyTorch's operations in float64, on every instruction set of this machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from numpy.typing import NDArray
from support.problems import conv2d_cases

from cnnkit import ops
from cnnkit.errors import InputError
from cnnkit.ops.cases import CASES, REFERENCE_BLOCKS
from cnnkit.ops.conv2d_cases import CONV2D_CASES, Conv2dCase

ISAS = ops.available_isas()
every_isa = pytest.mark.parametrize("isa", ISAS)
every_case = pytest.mark.parametrize("case", CONV2D_CASES, ids=lambda case: case.name)
NAMED = {case.name: case for case in CONV2D_CASES}
SHAPES_PER_ISA = 250


def torch_output(case: Conv2dCase, *arrays: NDArray[Any] | None) -> NDArray[Any]:
    """The definition, in float64: of x, weight, bias and residual."""
    x, weight, bias, residual = (
        None if array is None else torch.from_numpy(array).double() for array in arrays
    )
    assert x is not None
    assert weight is not None
    pads = np.ravel(case.padding).tolist()
    top, left, bottom, right = pads * (4 // len(pads))
    y = F.conv2d(
        F.pad(x, (left, right, top, bottom)),
        weight,
        bias,
        stride=case.stride,  # type: ignore[arg-type]
        dilation=case.dilation,  # type: ignore[arg-type]
        groups=case.groups,
    )
    if residual is not None:
        y = y + residual
    if case.activation == "relu":
        y = F.relu(y)
    elif case.activation != "none":
        y = torch.clamp(y, *map(float, case.activation))
    if case.pool_kernel is not None:
        y = F.max_pool2d(y, case.pool_kernel, case.pool_stride, case.pool_padding)  # type: ignore[arg-type]
    return y.numpy()


def run(case: Conv2dCase, isa: str | None = None, threads: int = 1, seed: int = 0) -> NDArray[Any]:
    x, weight, bias, residual = case.arrays(seed)
    return ops.Conv2d(weight, bias, **case.parameters, isa=isa)(x, residual, threads)


@every_isa
@every_case
def test_every_case_is_as_exact_as_its_tolerance(case: Conv2dCase, isa: str) -> None:
    y = run(case, isa)
    assert y.dtype == np.float32
    if case.x[0] == 0:
        assert y.shape == case.sums
        return
    expected = torch_output(case, *case.arrays())
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= case.tolerance * np.abs(expected).max()


@every_case
def test_the_slow_twin_is_pytorch_in_float64(case: Conv2dCase) -> None:
    if case.x[0]:
        y = ops.conv2d_ref(*case.arrays(), **case.parameters)
        expected = torch_output(case, *case.arrays())
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("isa", ISAS)
@settings(max_examples=SHAPES_PER_ISA, deadline=None, derandomize=True, database=None)
@given(case=conv2d_cases())
def test_any_shape_is_as_exact_as_float32_allows(isa: str, case: Conv2dCase) -> None:
    y = run(case, isa)
    expected = torch_output(case, *case.arrays())
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 4e-6 * max(1.0, np.abs(expected).max())


@every_case
def test_the_instruction_sets_agree(case: Conv2dCase) -> None:
    first, *others = (run(case, isa) for isa in ISAS)
    for y in others:
        if y.size:
            bound = 2 * case.tolerance * max(1.0, float(np.abs(first).max()))
            np.testing.assert_allclose(y, first, rtol=0, atol=bound)


@every_isa
@every_case
def test_threads_do_not_change_a_bit(case: Conv2dCase, isa: str) -> None:
    assert np.array_equal(run(case, isa, threads=3), run(case, isa))


@every_isa
def test_threads_share_large_images_without_changing_a_bit(isa: str) -> None:
    sizes = {"padding": 1, "residual": True, "activation": "relu"}
    for case in (
        Conv2dCase("dense", (1, 32, 40, 41), (32, 32, 3, 3), **sizes),  # type: ignore[arg-type]
        Conv2dCase("pointwise", (1, 64, 40, 41), (64, 64, 1, 1), residual=True),
        Conv2dCase("pool", (1, 32, 40, 41), (32, 32, 3, 3), pool_kernel=3, pool_stride=2),
    ):
        alone = run(case, isa)
        for threads in (2, 3, 5):
            assert np.array_equal(run(case, isa, threads), alone)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plain_shapes_run_on_the_fused_kernels_with_the_same_bits(case: Any, isa: str) -> None:
    x, weight, bias = case.arrays()
    fused = ops.ConvReLUPool(weight, bias, **case.parameters, isa=isa)
    general = ops.Conv2d(weight, bias, activation="relu", **case.parameters, isa=isa)
    assert general.algorithm == fused.algorithm != "general"
    assert np.array_equal(general(x), fused(x, threads=1))


PLAIN = NAMED["plain"]
OTHER = {
    "activation": {"activation": "none"},
    "clip": {"activation": (0, 6)},
    "groups": {"groups": 4, "weight": PLAIN.arrays()[1][:, :4]},
    "dilation": {"dilation": 2},
    "pads": {"padding": (1, 1, 1, 2)},
}


@every_isa
@pytest.mark.parametrize("change", OTHER)
def test_what_is_not_plain_runs_on_the_general_kernel(change: str, isa: str) -> None:
    _, weight, bias, _ = PLAIN.arrays()
    arguments: dict[str, Any] = {"weight": weight, **PLAIN.parameters, **OTHER[change]}
    assert ops.Conv2d(bias=bias, isa=isa, **arguments).algorithm == "general"


@every_isa
def test_a_residual_changes_no_bit_of_calls_without_one(isa: str) -> None:
    x, weight, bias, _ = PLAIN.arrays()
    operation = ops.Conv2d(weight, bias, **PLAIN.parameters, isa=isa)
    before = operation(x)
    residual = np.ones(PLAIN.sums, np.float32)
    expected = ops.conv2d_ref(x, weight, bias, residual, **PLAIN.parameters)
    np.testing.assert_allclose(operation(x, residual), expected, rtol=0, atol=1e-5)
    assert np.array_equal(operation(x), before)


@every_isa
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-42, -0.0])
@pytest.mark.parametrize(
    "name",
    [
        *("relu_residual", "clip", "none_pool_padding", "clip_pool_residual", "everything"),
        *("multiplier5", "pointwise7x7", "dilation_stride", "plain"),
    ],
)
def test_special_pixels_and_residuals_are_as_in_pytorch(
    name: str, special: float, isa: str
) -> None:
    case = NAMED[name]
    x, weight, bias, residual = case.arrays()
    x[0].flat[7] = x[-1].flat[-1] = special
    if residual is not None:
        residual[-1].flat[5] = special
    y = ops.Conv2d(weight, bias, **case.parameters, isa=isa)(x, residual)
    expected = torch_output(case, x, weight, bias, residual)
    assert np.array_equal(np.isnan(y), np.isnan(expected))
    finite = np.isfinite(expected) & (np.abs(expected) < 1e30)
    bound = case.tolerance * np.abs(expected[finite]).max()
    assert np.abs(y[finite] - expected[finite]).max() <= bound
    infinite = np.isinf(expected)
    assert np.array_equal(y[infinite], expected[infinite])


@every_isa
@pytest.mark.parametrize("activation", ["none", "relu", (-1.0, 1.0), (0.0, 6.0)])
@pytest.mark.parametrize("pool", [None, 2])
def test_every_activation_keeps_nan_alone(activation: Any, pool: int | None, isa: str) -> None:
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 0.5, -3, 7, 1], np.float32)
    x = np.repeat(special, 2)[None, None, None].repeat(2, axis=2)
    one = np.ones((1, 1, 1, 1), np.float32)
    y = ops.Conv2d(one, activation=activation, pool_kernel=pool, isa=isa)(x)
    step = 1 if pool else 2
    bounds = {"none": (-np.inf, np.inf), "relu": (0, np.inf)}.get(str(activation), activation)
    expected = torch.clamp(torch.from_numpy(special), *bounds).numpy()
    np.testing.assert_array_equal(y[0, 0, 0, ::step], expected)


@every_isa
def test_an_absent_bias_is_zero(isa: str) -> None:
    case = NAMED["multiplier"]
    x, weight, bias, _ = case.arrays()
    without, zero = (
        ops.Conv2d(weight, b, **case.parameters, isa=isa)(x) for b in (None, np.zeros_like(bias))
    )
    assert np.array_equal(without, zero)


@every_isa
def test_every_memory_layout_gives_the_same_bits(isa: str) -> None:
    case = NAMED["clip_pool_residual"]
    x, weight, bias, residual = case.arrays()
    assert residual is not None
    operation = ops.Conv2d(weight, bias, **case.parameters, isa=isa)
    expected = operation(x, residual)
    layouts = (
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=3)[..., ::2],
        lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    )
    for layout in layouts:
        assert np.array_equal(operation(layout(x), layout(residual)), expected)


def test_tensors_give_tensors_with_the_same_bits() -> None:
    case = NAMED["relu_residual"]
    arrays = case.arrays()
    x, weight, bias, residual = (torch.from_numpy(array) for array in arrays if array is not None)
    y = ops.Conv2d(weight, bias, **case.parameters)(x, residual)
    assert isinstance(y, torch.Tensor)
    assert np.array_equal(y.numpy(), run(case))


@every_isa
def test_the_result_is_written_where_asked(isa: str) -> None:
    case = NAMED["everything"]
    x, weight, bias, residual = case.arrays()
    out = np.full_like(run(case, isa), np.nan)
    operation = ops.Conv2d(weight, bias, **case.parameters, isa=isa)
    assert operation(x, residual, out=out) is out
    assert np.array_equal(out, run(case, isa))


def test_one_operation_serves_many_python_threads() -> None:
    case = NAMED["relu_residual"]
    x, weight, bias, residual = case.arrays()
    expected = [ops.Conv2d(weight, bias, **case.parameters)(x, r) for r in (None, residual)]
    operation = ops.Conv2d(weight, bias, **case.parameters)
    with ThreadPoolExecutor(8) as pool:
        call = lambda i: operation(x, residual if i % 2 else None, 1 + i % 3)  # noqa: E731
        for i, y in enumerate(pool.map(call, range(100))):
            assert np.array_equal(y, expected[i % 2])


X, WEIGHT, BIAS = REFERENCE_BLOCKS[1].arrays()  # [16, 16, 14, 14], [4, 16, 3, 3]
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "dtype": ({"x": X.astype(np.float64)}, "x: has dtype float64. Give float32"),
    "channels": ({"x": X[:, :3]}, "x: has 3 channels. Give the 16 that weight expects"),
    "group_channels": ({"groups": 2}, "x: has 16 channels. Give the 32 that weight expects"),
    "weight_rank": ({"weight": WEIGHT[0]}, "weight: has shape .* Give 4 dimensions"),
    "bias_size": ({"bias": BIAS[:3]}, "bias: has 3 values. Give the 4 that weight expects"),
    "groups": ({"groups": 3}, "groups: is 3 for 4 output channels. Give an int that divides them"),
    "groups0": ({"groups": 0}, "groups: is 0 for 4 output channels"),
    "groups_float": ({"groups": 1.0}, "groups: is 1.0 for 4 output channels"),
    "groups_huge": ({"groups": 2**70}, "groups: is 1180591620717411303424 for 4"),
    "stride": ({"stride": 0}, "stride: is 0. Give sizes from 1 to"),
    "dilation": ({"dilation": (1, 0)}, r"dilation: is \(1, 0\). Give sizes from 1 to"),
    "dilation_large": ({"dilation": 9}, "x: of 14x14 pixels leaves an empty output"),
    "padding": ({"padding": -1}, "padding: is -1. Give sizes from 0 to"),
    "pads": ({"padding": (0, 0, 0, -1)}, r"padding: is \(0, -1\). Give sizes from 0 to"),
    "pads_three": (
        {"padding": (0, 0, 0)},
        r"padding: is \(0, 0, 0\). Give an int, a pair, or four ints: top, left, bottom, right",
    ),
    "pads_empty": ({"x": X[:, :, :2], "padding": (0, 0, 0, 1)}, "x: of 2x14 pixels leaves an"),
    "activation": ({"activation": "tanh"}, "activation: is 'tanh'. Give 'none', 'relu' or a pair"),
    "activation_one": ({"activation": (1,)}, r"activation: is \(1,\). Give"),
    "activation_nan": ({"activation": (0, np.nan)}, r"activation: is \(0, nan\). Give"),
    "activation_text": ({"activation": ("0", "1")}, r"activation: is \('0', '1'\). Give"),
    "activation_none": ({"activation": None}, "activation: is None. Give"),
    "pool": ({"pool_kernel": 0}, "pool_kernel: is 0. Give sizes from 1 to"),
    "pool_stride": ({"pool_stride": 2}, "pool_stride: is 2 without a pool. Give pool_kernel too"),
    "pool_padding": ({"pool_kernel": 2, "pool_padding": 2}, "pool_padding: is 2 for a pool of 2x2"),
    "precision": ({"precision": "best"}, "precision: is 'best'. Give 'default' or 'fast'"),
    "isa": ({"isa": "sse9"}, "'sse9' is not one of the instruction sets"),
    "residual_shape": (
        {"residual": np.zeros((16, 4, 14, 7), np.float32)},
        r"residual: has shape \(16, 4, 14, 7\). Give that of the convolution's output, "
        r"\(16, 4, 14, 14\)",
    ),
    "residual_rank": ({"residual": BIAS}, "residual: has shape .* Give 4 dimensions"),
    "residual_dtype": ({"residual": X.astype(np.int32)}, "residual: has dtype int32. Give"),
    "threads": ({"threads": 0}, "threads: is 0. Give at least 1"),
    "memory": ({"padding": 2**31 - 4}, "x: of 14x14 pixels with padding .* needs more memory"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_argument_is_named_with_its_value_and_a_remedy(name: str) -> None:
    change, message = BAD[name]
    arguments: dict[str, Any] = {"weight": WEIGHT, "bias": BIAS, "padding": 1, **change}
    call = {key: arguments.pop(key) for key in ("residual", "threads") if key in arguments}
    x = arguments.pop("x", X)
    with pytest.raises(InputError, match=message):
        ops.Conv2d(**arguments)(x, **call)


@pytest.mark.parametrize("fault", ["shape", "dtype", "layout", "read-only"])
def test_an_out_that_cannot_take_the_result_is_refused(fault: str) -> None:
    out = np.zeros((16, 4, 14, 14), np.float64 if fault == "dtype" else np.float32)
    if fault == "shape":
        out = out[:, :2].copy()
    if fault == "layout":
        out = np.asfortranarray(out)
    out.flags.writeable = fault != "read-only"
    with pytest.raises(InputError, match=r"out: .*of shape \(16, 4, 14, 14\)"):
        ops.Conv2d(WEIGHT, BIAS, padding=1)(X, out=out)
    assert not out.any()
