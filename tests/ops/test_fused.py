"""`conv_relu_pool` equals PyTorch's three operations, on every instruction set of this machine."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from cnnkit import ops
from cnnkit.errors import InputError
from cnnkit.ops.cases import CASES, REFERENCE_BLOCKS, Case

ISAS = ops.available_isas()
BLOCK = REFERENCE_BLOCKS[0]
every_isa = pytest.mark.parametrize("isa", ISAS)


def torch_output(
    x: NDArray[Any], weight: NDArray[Any], bias: NDArray[Any] | None = None, **parameters: Any
) -> NDArray[Any]:
    """Compute the definition in the precision of x."""
    tensors = [None if array is None else torch.from_numpy(array) for array in (x, weight, bias)]
    stride, padding = parameters.pop("stride", 1), parameters.pop("padding", 0)
    y = F.relu(F.conv2d(*tensors, stride, padding))  # type: ignore[arg-type]
    pool = (
        parameters.pop("pool_kernel", 2),
        parameters.pop("pool_stride", None),
        parameters.pop("pool_padding", 0),
    )
    return F.max_pool2d(y, *pool).numpy()


def float64_output(case: Case, seed: int = 0) -> NDArray[Any]:
    arrays = (array.astype(np.float64) for array in case.arrays(seed))
    return torch_output(*arrays, **case.parameters)


def run(
    isa: str, x: NDArray[Any], weight: NDArray[Any], bias: Any = None, **parameters: Any
) -> Any:
    return ops.ConvReLUPool(weight, bias, **parameters, isa=isa)(x, threads=1)


def test_an_instruction_set_is_available() -> None:
    assert ISAS, "the per-ISA tests below would pass without running"
    assert ISAS[-1] == "scalar"


@every_isa
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_is_as_exact_as_its_tolerance(case: Case, isa: str) -> None:
    y = run(isa, *case.arrays(), **case.parameters)
    if case.x[0] == 0:
        assert y.shape[0] == 0
        return
    expected = float64_output(case)
    assert y.shape == expected.shape
    assert y.dtype == np.float32
    assert np.abs(y - expected).max() <= case.tolerance * (np.abs(expected).max() or 1)


@every_isa
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fast_precision_errs_within_its_bound(case: Case, isa: str) -> None:
    x, weight, bias = case.arrays()
    y = ops.ConvReLUPool(weight, bias, **case.parameters, precision="fast", isa=isa)(x, threads=1)
    if case.x[0]:
        expected = float64_output(case)
        assert np.abs(y - expected).max() <= 5e-5 * (np.abs(expected).max() or 1)


@every_isa
@pytest.mark.parametrize("precision", ["default", "fast"])
@pytest.mark.parametrize(
    "scales", [(1e-30, 1), (1, 1e-30), (1e-15, 1e-15), (1e15, 1e11)], ids=lambda pair: f"{pair}"
)
def test_the_scale_of_values_does_not_change_the_error(
    isa: str, precision: str, scales: tuple[float, float]
) -> None:
    case = next(case for case in CASES if case.name == "vgg_block")
    x, weight = (
        array * np.float32(scale) for array, scale in zip(case.arrays()[:2], scales, strict=True)
    )
    weight[5] *= np.float32(1e-4)  # the error of a channel is relative to its own outputs
    y = ops.ConvReLUPool(weight, **case.parameters, precision=precision, isa=isa)(x)
    expected = ops.conv_relu_pool_ref(x, weight, **case.parameters)
    largest = expected.max((0, 2, 3))
    assert largest.min() > 0
    bound = 2e-6 if precision == "default" else 5e-5
    assert (np.abs(y - expected).max((0, 2, 3)) <= bound * largest).all()


def test_every_algorithm_is_chosen_by_a_case() -> None:
    chosen = {
        ops.ConvReLUPool(
            *case.arrays()[1:], **case.parameters, precision=precision, isa=isa
        ).algorithm
        for case in CASES
        for precision in ("default", "fast")
        for isa in ISAS
    }
    assert {"direct", "winograd-small"} <= chosen
    if "avx2" in ISAS:
        winograd = {f"winograd-{form}" for form in ("small", "2x2", "4x2", "4x4", "5x5")}
        few = {"winograd-2x1"} if "avx512" in ISAS else set()
        amx = {"amx-4x2", "amx-4x4"} if "amx" in ISAS else set()
        assert chosen == {"direct", "stem"} | winograd | few | amx


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_slow_twin_is_pytorch_in_float64(case: Case) -> None:
    if case.x[0]:
        y = ops.conv_relu_pool_ref(*case.arrays(), **case.parameters)
        np.testing.assert_allclose(y, float64_output(case), rtol=0, atol=1e-12)


@every_isa
def test_an_absent_bias_is_zero(isa: str) -> None:
    x, weight, _ = BLOCK.arrays()
    zero = np.zeros(len(weight), np.float32)
    assert np.array_equal(
        run(isa, x, weight, None, padding=1), run(isa, x, weight, zero, padding=1)
    )


@every_isa
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-42])
@pytest.mark.parametrize("case", [*REFERENCE_BLOCKS, *CASES[-6:]], ids=lambda case: case.name)
def test_nan_infinities_huge_and_denormal_pixels_are_as_in_pytorch(
    case: Case, special: float, isa: str
) -> None:
    x, weight, bias = case.arrays()
    x[0].flat[7] = x[-1].flat[-1] = special
    y = run(isa, x, weight, bias, **case.parameters)
    expected = torch_output(
        *(array.astype(np.float64) for array in (x, weight, bias)), **case.parameters
    )
    assert np.array_equal(np.isnan(y), np.isnan(expected))
    finite = np.isfinite(expected) & (np.abs(expected) < 1e30)
    largest = np.abs(expected[finite]).max()
    assert np.abs(y[finite] - expected[finite]).max() <= case.tolerance * largest
    assert (y[expected == np.inf] == np.inf).all()


@every_isa
@pytest.mark.parametrize("channels", [1, 3, 16, 32])
@pytest.mark.parametrize("value", [1e7, 1e12, 1e30])
def test_a_huge_pixel_does_not_disturb_outputs_that_do_not_see_it(
    value: float, channels: int, isa: str
) -> None:
    random = np.random.default_rng(0)
    x = random.random((1, channels, 24, 24), np.float32)
    weight = random.standard_normal((32, channels, 3, 3)).astype(np.float32)
    expected = torch_output(x.astype(np.float64), weight.astype(np.float64), padding=1)
    x[0, 0, 12, 12] = value
    y = run(isa, x, weight, padding=1)
    others = np.ones((12, 12), bool)
    others[5:7, 5:7] = False  # the windows that see it
    largest = expected[..., others].max()
    assert np.abs(y - expected)[..., others].max() <= 2e-6 * largest


@every_isa
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_weights_are_as_in_pytorch(special: float, isa: str) -> None:
    x, weight, bias = (np.ascontiguousarray(array) for array in BLOCK.arrays())
    x = np.abs(x) + 0.1  # so that infinite weights meet no zeros except the padding
    weight[3, 0, 1, 1] = special
    y = run(isa, x, weight, bias, padding=1)
    expected = torch_output(x, weight, bias, padding=1)
    assert np.array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@every_isa
def test_windows_without_a_positive_value_give_zero(isa: str) -> None:
    x, weight, bias = BLOCK.arrays()
    y = run(isa, np.abs(x), -np.abs(weight), -np.abs(bias), padding=1)
    assert (y == 0).all()


@every_isa
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_both_zeros_give_zero(zero: float, isa: str) -> None:
    x = np.full((1, 1, 8, 8), zero, np.float32)
    weight = np.full((2, 1, 3, 3), -1, np.float32)
    assert (run(isa, x, weight, padding=1) == 0).all()


@every_isa
def test_padding_never_reaches_the_pool_window(isa: str) -> None:
    # With bias 1 and weights 0 every value is 1; a padded value could only change the maximum.
    x = np.ones((1, 1, 6, 6), np.float32)
    weight = np.zeros((1, 1, 3, 3), np.float32)
    one = np.ones(1, np.float32)
    y = run(isa, x, weight, one, padding=1, pool_kernel=3, pool_stride=2, pool_padding=1)
    assert (y == 1).all()


@every_isa
@pytest.mark.parametrize("case", [*REFERENCE_BLOCKS, CASES[-1]], ids=lambda case: case.name)
def test_every_memory_layout_gives_the_same_bits(case: Case, isa: str) -> None:
    x, weight, bias = case.arrays()
    expected = run(isa, x, weight, bias, **case.parameters)
    channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    strided = np.repeat(x, 2, axis=3)[..., ::2]
    backwards = np.ascontiguousarray(x[::-1])[::-1]
    for other in (channels_last, strided, backwards, np.asfortranarray(x)):
        assert np.array_equal(run(isa, other, weight, bias, **case.parameters), expected)


@every_isa
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_threads_do_not_change_a_bit(case: Case, isa: str) -> None:
    x, weight, bias = case.arrays()
    operation = ops.ConvReLUPool(weight, bias, **case.parameters, isa=isa)
    for images in (x, x[:1]):
        assert np.array_equal(operation(images, threads=3), operation(images, threads=1))


@every_isa
def test_one_operation_serves_many_python_threads(isa: str) -> None:
    x, weight, bias = BLOCK.arrays()
    operation = ops.ConvReLUPool(weight, bias, padding=1, isa=isa)
    expected = operation(x, threads=1)
    with ThreadPoolExecutor(8) as pool:
        for y in pool.map(lambda i: operation(x, threads=1 + i % 3), range(200)):
            assert np.array_equal(y, expected)


def test_tensors_give_tensors_with_the_same_bits() -> None:
    arrays = BLOCK.arrays()
    y = ops.conv_relu_pool(*arrays, padding=1)
    tensors = tuple(torch.from_numpy(array) for array in arrays)
    t = ops.conv_relu_pool(*tensors, padding=1)
    assert isinstance(t, torch.Tensor)
    assert np.array_equal(t.numpy(), y)
    last = tensors[0].to(memory_format=torch.channels_last)
    assert np.array_equal(ops.conv_relu_pool(last, *tensors[1:], padding=1).numpy(), y)


X, WEIGHT, BIAS = BLOCK.arrays()
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "dtype": ({"x": X.astype(np.float64)}, "x: has dtype float64. Give float32"),
    "integer": ({"weight": WEIGHT.astype(np.int8)}, "weight: has dtype int8. Give float32"),
    "list": ({"x": [1.0]}, "x: is a list. Give a NumPy array or a PyTorch tensor"),
    "rank": ({"x": X[0]}, r"x: has shape \(1, 28, 28\). Give 4 dimensions, \[N, C_in, H, W\]"),
    "weight_rank": ({"weight": WEIGHT[0]}, r"weight: has shape \(1, 3, 3\). Give 4 dimensions"),
    "bias_rank": ({"bias": X}, r"bias: has shape .* Give 1 dimensions, \[C_out\]"),
    "bias_size": ({"bias": BIAS[:7]}, "bias: has 7 values. Give the 16 that weight expects"),
    "channels": ({"x": np.repeat(X, 3, axis=1)}, "x: has 3 channels. Give the 1 that weight"),
    "no_weight": ({"weight": WEIGHT[:0]}, "weight: has shape .* Give sizes of at least 1"),
    "stride0": ({"stride": 0}, "stride: is 0. Give sizes from 1 to"),
    "stride_float": ({"stride": 1.5}, "stride: is 1.5. Give an int or a pair of ints"),
    "stride_bool": ({"stride": True}, "stride: is True. Give an int or a pair of ints"),
    "stride_three": ({"stride": (1, 1, 1)}, r"stride: is \(1, 1, 1\). Give an int or a pair"),
    "padding": ({"padding": (0, -1)}, r"padding: is \(0, -1\). Give sizes from 0 to"),
    "padding_huge": ({"padding": 2**40}, "padding: is 1099511627776"),
    "pool": ({"pool_kernel": 0}, "pool_kernel: is 0. Give sizes from 1 to"),
    "pool_stride": ({"pool_stride": 0}, "pool_stride: is 0. Give sizes from 1 to"),
    "pool_padding": (
        {"pool_padding": 2},
        "pool_padding: is 2 for a pool of 2x2. Give at most half",
    ),
    "empty_conv": ({"x": X[:, :, :2, :2], "padding": 0}, "x: of 2x2 pixels leaves an empty output"),
    "empty_pool": ({"pool_kernel": 40}, "x: of 28x28 pixels leaves an empty output"),
    "precision": ({"precision": "best"}, "precision: is 'best'. Give 'default' or 'fast'"),
    "threads": ({"threads": 0}, "threads: is 0. Give at least 1"),
    "torch_dtype": (
        {"x": torch.from_numpy(X).double()},
        "x: has dtype torch.float64. Give float32",
    ),
    "sparse": ({"x": torch.from_numpy(X).to_sparse()}, r"x: has layout .*Give \.to_dense\(\)"),
    "mkldnn": ({"x": torch.from_numpy(X).to_mkldnn()}, r"x: has layout .*Give \.to_dense\(\)"),
    "stride_huge": (
        {"stride": 2**31 - 1, "padding": 1, "pool_kernel": 1},
        "x: of 28x28 pixels .*needs more memory",
    ),
    "threads_huge": ({"threads": 2**31}, "threads: is 2147483648. Give at most 2147483647"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_argument_is_named_with_its_value_and_what_is_expected(name: str) -> None:
    change, message = BAD[name]
    arguments: dict[str, Any] = {"x": X, "weight": WEIGHT, "bias": BIAS, "padding": 1, **change}
    with pytest.raises(InputError, match=message):
        ops.conv_relu_pool(**arguments)


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of these kinds of tensors
@pytest.mark.parametrize("call", [ops.conv_relu_pool, lambda x, w: ops.ConvReLUPool(w)(x)])
def test_nested_and_quantized_tensors_are_refused(call: Any) -> None:
    x = torch.from_numpy(X)
    others = {
        r"dtype torch\.quint8\. Give float32, with \.dequantize": torch.quantize_per_tensor(
            x, 0.1, 0, torch.quint8
        ),
        "x: is a nested tensor": torch.nested.nested_tensor([x[0], x[1]]),
    }
    for message, tensor in others.items():
        with pytest.raises(InputError, match=message):
            call(tensor, torch.from_numpy(WEIGHT))


@every_isa
def test_the_result_is_written_where_asked(isa: str) -> None:
    operation = ops.ConvReLUPool(WEIGHT, BIAS, padding=1, isa=isa)
    expected = operation(X)
    out = np.full_like(expected, np.nan)
    assert operation(X, out=out) is out
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("fault", ["shape", "dtype", "layout", "read-only"])
def test_an_out_that_cannot_take_the_result_is_refused(fault: str) -> None:
    out = np.zeros((16, 16, 14, 14), np.float64 if fault == "dtype" else np.float32)
    if fault == "shape":
        out = out[:, :8].copy()
    if fault == "layout":
        out = np.asfortranarray(out)
    out.flags.writeable = fault != "read-only"
    with pytest.raises(InputError, match=r"out: .*of shape \(16, 16, 14, 14\)"):
        ops.ConvReLUPool(WEIGHT, BIAS, padding=1)(X, out=out)
    assert not out.any()


@pytest.mark.parametrize("kind", [ops.ConvReLUPool, ops.Conv2d])
def test_operators_are_copied_and_pickled_with_their_weights(kind: Any) -> None:
    weight = WEIGHT.copy()
    operator = kind(weight, BIAS, padding=1)
    expected = operator(X)
    weight[:] = 0  # which the copies must not see
    for again in (
        copy.copy(operator),
        copy.deepcopy([operator])[0],
        pickle.loads(pickle.dumps(operator)),
    ):
        assert np.array_equal(again(X), expected)
    with pytest.raises(TypeError, match="weight"):
        kind.__new__(kind)
    assert np.array_equal(kind.__new__(kind, WEIGHT, BIAS, padding=1)(X), expected)
