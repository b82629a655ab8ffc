"""Operators of integers that stand for numbers, (q - zero point) * scale, as ONNX Runtime has them.

QuantizeLinear, DequantizeLinear and QLinearConv are ONNX's; the others are ONNX Runtime's, which it
makes of float operators between quantised values. What they compute is exact to the bit: sums are
int32, and what is rounded is rounded as there, in float32, half to even. That was found by
comparing outputs of ONNX Runtime 1.32 on x86, with AVX2 and with AVX-512 VNNI.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnkit.graph.operators.base import (
    MANY,
    Arrays,
    Attributes,
    Constants,
    Einsum,
    Operator,
    Types,
    at,
    axis_of,
    constant,
    floating,
    given,
    need,
    tensor,
)
from cnnkit.graph.operators.columns import convolved
from cnnkit.graph.operators.convolution import OPERATORS as CONVOLUTIONS
from cnnkit.graph.operators.convolution import per_channel
from cnnkit.graph.operators.pooling import OPERATORS as POOLS
from cnnkit.graph.operators.pooling import over_windows
from cnnkit.graph.operators.windows import Window, padded, view
from cnnkit.graph.types import Array, TensorType

MICROSOFT = "com.microsoft"
BYTES = ("uint8", "int8")  # what values are quantised to
ONNX_TYPES = {"uint8": 2, "int8": 3}  # as TensorProto.DataType numbers them
MORE_BITS = "quantise the model to 8 bits"
EXACT = 2**24  # up to here, float32 sums of integers are exact in any order
CONV = CONVOLUTIONS["Conv"].defaults
AVERAGE = POOLS["AveragePool"].defaults


def one(arrays: Sequence[Array | None], index: int, default: int = 0) -> Array:
    """Return an input that is one number or one for each channel, a default if it is not there."""
    found = arrays[index] if index < len(arrays) else None
    return np.asarray(default) if found is None else found


def scale32(arrays: Sequence[Array | None], index: int) -> Array:
    """Return a scale as float32, which it was in the file."""
    return np.asarray(one(arrays, index, 1)).astype(np.float32)


def rounded(values: Array, zero: Array, dtype: str) -> Array:
    """Return float32 values as integers: half to even, then the zero point, within the type."""
    limits = np.iinfo(dtype)
    low, high = limits.min - zero.astype(np.int32), limits.max - zero.astype(np.int32)
    whole = np.rint(np.clip(values, low.astype(np.float32), high.astype(np.float32)))
    found: Array = (np.nan_to_num(whole).astype(np.int32) + zero).astype(dtype)
    return found


def requantised(sums: Array, factor: Array, zero: Array, dtype: str) -> Array:
    """Return sums, int, times float32 factors as integers of 8 bits."""
    return rounded(sums.astype(np.float32) * factor, zero, dtype)


def wrapped(sums: Array) -> Array:
    """Return sums modulo 2^32, as ONNX Runtime's have 32 bits: damaged biases go beyond them."""
    return sums.astype(np.int32)


# The borders between numbers and integers


def _quantised_type(types: Types, index: int) -> str:
    zero = types[index] if index < len(types) else None
    dtype = "uint8" if zero is None else zero.dtype
    need(dtype in BYTES, f"its zero point is {dtype}", MORE_BITS)
    return dtype


def _check_scale(types: Types, constants: Constants, index: int, channels: object = None) -> None:
    """Check that a scale is a positive constant: one, or one for each channel."""
    scale = constant(constants, index)
    floating(types, index)
    need(scale.size > 0 and bool(np.isfinite(scale).all()), f"its scale {index} is not finite")
    need(bool((scale > 0).all()), f"its scale {index} is not positive")
    need(scale.shape in ((), (1,), (channels,)), f"its scale {index} is {list(scale.shape)}")
    zero = types[index + 1] if index + 1 < len(types) else None
    need(zero is None or zero.shape in ((), (1,), scale.shape), f"its zero point is {zero}")


def _check_ratio(constants: Constants, index: int, of: int) -> None:
    """Check a ratio of two scales: outside of these ONNX Runtime fails or overflows."""
    with np.errstate(over="ignore"):  # an infinite ratio is refused
        ratio = scale32(constants, index) / scale32(constants, of)
    need(
        bool(((ratio >= 2.0**-32) & (ratio < 2.0**8)).all()),
        f"its scale {index} is {float(ratio.max()):.1e} of its scale {of}; 2^-32 to 2^8 can be",
    )


def infer_quantise(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of x as integers."""
    x = floating(types, 0)
    need(attributes["block_size"] == 0, "it has a scale for each block", "quantise by channel")
    _check_scale(types, constants, 1, _channels(attributes, x, constants[1]))
    dtype = _quantised_type(types, 2)
    stated = attributes["output_dtype"]
    need(stated in (0, ONNX_TYPES[dtype]), f"its output_dtype {stated} is not {dtype}")
    return [TensorType(dtype, x.shape)]


def _channels(attributes: Attributes, x: TensorType, scale: Array | None) -> object:
    one_scale = scale is None or scale.size == 1
    return None if one_scale else x.shape[axis_of(attributes["axis"], len(x.shape))]


def infer_dequantise(
    attributes: Attributes, types: Types, constants: Constants
) -> list[TensorType]:
    """Return the type of integers as numbers."""
    x = given(types, 0)
    need(x.dtype in (*BYTES, "int32"), f"its input is {x}", MORE_BITS)
    need(attributes["block_size"] == 0, "it has a scale for each block", "quantise by channel")
    _check_scale(types, constants, 1, _channels(attributes, x, constants[1]))
    with np.errstate(over="ignore"):
        largest = scale32(constants, 1).max() * np.float32(2.0 ** (8 * np.dtype(x.dtype).itemsize))
    need(bool(np.isfinite(largest)), "its scale 1 makes numbers beyond float32")
    if len(types) > 2 and types[2] is not None:
        need(types[2].dtype == x.dtype, f"its zero point is {types[2].dtype}, and x {x.dtype}")
        # ONNX has none for int32, and ONNX Runtime takes no notice of it where it fuses a bias.
        zero = constant(constants, 2) if x.dtype == "int32" else np.zeros(1)
        need(not zero.any(), f"its zero point is {zero.flat[0]}, and that of int32 has to be 0")
    return [TensorType(floating(types, 1).dtype, x.shape)]


def _along(attributes: Attributes, values: Array, rank: int) -> Array:
    """Return one number, or those of an axis as they are broadcast."""
    if values.size == 1:
        return values.reshape(())
    axis = attributes["axis"] % rank
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])


def evaluate_quantise(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return x / scale rounded, and the zero point added."""
    x = at(inputs, 0).astype(np.float32)
    zero = one(inputs, 2)
    dtype = "uint8" if len(inputs) < 3 or inputs[2] is None else zero.dtype.name
    scale = _along(attributes, scale32(inputs, 1), x.ndim)
    return [rounded(x / scale, _along(attributes, zero, x.ndim), dtype)]


def evaluate_dequantise(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return (x - zero point) * scale."""
    x = at(inputs, 0)
    zero, scale = (_along(attributes, each, x.ndim) for each in (one(inputs, 2), at(inputs, 1)))
    whole = (x.astype(np.int64) - zero).astype(np.float32)
    return [(whole * scale.astype(np.float32)).astype(np.float64)]


# Sums of products


def infer_qconv(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of a convolution of integers."""
    x, w = given(types, 0), given(types, 3)
    need(x.dtype in BYTES and w.dtype in BYTES, f"it takes {x} and {w}", MORE_BITS)
    _check_scale(types, constants, 1)
    _check_scale(types, constants, 4, w.shape[0])
    _check_scale(types, constants, 6)
    bias = types[8] if len(types) > 8 else None
    need(bias is None or bias == TensorType("int32", w.shape[:1]), f"its bias is {bias}")
    as_float = [TensorType("float32", type.shape) for type in (x, w)]
    (y,) = CONVOLUTIONS["Conv"].infer_shape(attributes, as_float, [None, None])
    return [TensorType(_quantised_type(types, 7), y.shape)]


def evaluate_qconv(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the convolution's sums times x's scale and w's by y's."""
    x, w = (at(inputs, i).astype(np.int64) for i in (0, 3))
    x, w = x - one(inputs, 2), w - _along({"axis": 0}, one(inputs, 5), w.ndim)
    sums = integer_conv(x, w, Window.of(attributes), attributes["group"])
    if len(inputs) > 8 and inputs[8] is not None:
        sums = sums + per_channel(at(inputs, 8).astype(np.int64), sums.ndim)
    sums = wrapped(sums)
    factor = scale32(inputs, 1) * scale32(inputs, 4).reshape(-1) / scale32(inputs, 6)
    zero = one(inputs, 7)
    return [requantised(sums, per_channel(factor, sums.ndim), zero, zero.dtype.name)]


def integer_conv(x: Array, w: Array, window: Window, group: int) -> Array:
    """Return exact sums, int64 [N, K, H, W], of small integers x [N, C, H, W] and w."""
    most = int(np.abs(x).max(initial=0)) * int(np.abs(w).reshape(len(w), -1).sum(1).max(initial=0))
    wide = np.float32 if most < EXACT else np.float64
    windows = view(padded(x.astype(wide), window, 0), window)
    return convolved(windows, w.astype(wide), group, np.matmul).astype(np.int64)


def infer_qgemm(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of a product of matrices of integers: numbers, if it has no scale for y."""
    a, b = given(types, 0), given(types, 3)
    need(a.dtype in BYTES and b.dtype in BYTES, f"it takes {a} and {b}", MORE_BITS)
    need(attributes["alpha"] == 1.0 and not attributes["transA"], "it has a factor, or transA")
    need(bool(attributes["transB"]), "its matrix is not [K, features]", "set transB")
    _check_scale(types, constants, 1)
    _check_scale(types, constants, 4, b.shape[0])
    as_float = [TensorType("float32", type.shape) for type in (a, b)]
    (y,) = _gemm(attributes, as_float)
    bias = types[6] if len(types) > 6 else None
    need(bias is None or bias == TensorType("int32", b.shape[:1]), f"its bias is {bias}")
    if len(types) < 8 or types[7] is None:
        return [y]
    _check_scale(types, constants, 7)
    return [TensorType(_quantised_type(types, 8), y.shape)]


def _gemm(attributes: Attributes, types: Types) -> list[TensorType]:
    a, b = given(types, 0), given(types, 1)
    need(len(a.shape) == len(b.shape) == 2, f"its inputs are {a} and {b}, not two matrices")
    need(a.shape[1] == b.shape[1], f"it takes {b.shape[1]} values, and its input has {a.shape[1]}")
    return [tensor("float32", (a.shape[0], b.shape[0]))]


def evaluate_qgemm(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the product's sums times both scales, and by y's if it has one."""
    a = at(inputs, 0).astype(np.int64) - one(inputs, 2)
    b = at(inputs, 3).astype(np.int64) - _along({"axis": 0}, one(inputs, 5), 2)
    sums = (a.astype(np.float64) @ b.T.astype(np.float64)).astype(np.int64)
    if len(inputs) > 6 and inputs[6] is not None:
        sums = sums + inputs[6]
    sums = wrapped(sums)
    factor = scale32(inputs, 1) * scale32(inputs, 4).reshape(-1)
    if len(inputs) < 8 or inputs[7] is None:
        return [(sums.astype(np.float32) * factor).astype(np.float64)]
    zero = one(inputs, 8)
    return [requantised(sums, factor / scale32(inputs, 7), zero, zero.dtype.name)]


# Sums and averages


def infer_qadd(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of a sum of two values of one shape."""
    a, b = given(types, 0), given(types, 3)
    need(a.dtype == b.dtype and a.dtype in BYTES, f"it takes {a} and {b}", MORE_BITS)
    need(a.shape == b.shape, f"it takes {a} and {b}, of other shapes")
    for index in (1, 4, 6):
        _check_scale(types, constants, index)
    for index in (1, 4):
        _check_ratio(constants, index, 6)
    return [TensorType(_quantised_type(types, 7), a.shape)]


def fused(x: Array, factor: Array, rest: Array) -> Array:
    """Return x * factor + rest rounded once to float32, as a fused multiply-add does.

    float64 has all digits of the sum, but for factors that are very far apart.
    """
    found: Array = (x.astype(np.float64) * factor + rest).astype(np.float32)
    return found


def add_factors(inputs: Arrays) -> tuple[Array, Array, Array]:
    """Return what both are multiplied by, and what is added to the sum, float32."""
    left, right = (scale32(inputs, i) / scale32(inputs, 6) for i in (1, 4))
    zero_a, zero_b, zero_y = (one(inputs, i).astype(np.float32) for i in (2, 5, 7))
    return left, right, zero_y - fused(zero_a, left, right * zero_b)


def evaluate_qadd(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return a * factor + (b * factor + zero points), the zero point in the sum that is rounded."""
    left, right, rest = add_factors(inputs)
    y = fused(at(inputs, 0), left, fused(at(inputs, 3), right, rest))
    dtype = one(inputs, 7).dtype.name
    return [rounded(y, np.asarray(0), dtype)]


def infer_qpool(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of averages of windows."""
    x = given(types, 0)
    need(x.dtype in BYTES, f"its input is {x}", MORE_BITS)
    need(not attributes["channels_last"], "its channels are last", "put them first")
    _check_scale(types, constants, 1)
    _check_scale(types, constants, 3)
    _check_ratio(constants, 1, 3)
    as_float = TensorType("float32", x.shape)
    (y,) = POOLS["AveragePool"].infer_shape(attributes, [as_float], [None])
    return [TensorType(_quantised_type(types, 4), y.shape)]


def evaluate_qpool(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the average of each window's numbers by y's scale, float32 in the order of the window.

    The zero point is added before that is rounded.
    """
    (numbers,) = evaluate_dequantise({"axis": 1}, list(inputs[:3]), einsum)
    window = Window.of(attributes)
    sums = over_windows(np.add, view(padded(numbers.astype(np.float32), window, 0), window), window)
    ones = [np.ones((1, 1, *numbers.shape[2:]))]
    (shares,) = POOLS["AveragePool"].evaluate(attributes, ones, einsum)  # below 1 at borders
    counts = np.float32(np.prod(window.kernel)) * np.ones_like(shares, np.float32)
    if not attributes["count_include_pad"]:
        inside = view(padded(ones[0], window, 0), window)
        counts = over_windows(np.add, inside, window).astype(np.float32)
    zero = one(inputs, 4)
    y = sums / counts / scale32(inputs, 3) + zero.astype(np.float32)
    return [rounded(y, np.asarray(0), zero.dtype.name)]


def infer_qglobal(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return [N, C, 1, 1]."""
    x = given(types, 0)
    need(x.dtype in BYTES, f"its input is {x}", MORE_BITS)
    need(not attributes["channels_last"], "its channels are last", "put them first")
    _check_scale(types, constants, 1)
    _check_scale(types, constants, 3)
    _check_ratio(constants, 1, 3)
    as_float = TensorType("float32", x.shape)
    (y,) = POOLS["GlobalAveragePool"].infer_shape({}, [as_float], [None])
    return [TensorType(_quantised_type(types, 4), y.shape)]


def evaluate_qglobal(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return the sum of each channel times x's scale by y's times the number of pixels."""
    x = at(inputs, 0).astype(np.int64) - one(inputs, 2)
    axes = tuple(range(2, x.ndim))
    area = np.float32(np.prod(x.shape[2:]))
    factor = scale32(inputs, 1) / (scale32(inputs, 3) * area)
    zero = one(inputs, 4)
    return [requantised(x.sum(axis=axes, keepdims=True), factor, zero, zero.dtype.name)]


def infer_qconcat(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of values one behind another, each with a scale of its own."""
    need(len(types) >= 5 and len(types) % 3 == 2, f"it has {len(types)} inputs")
    for index in (0, *range(3, len(types), 3)):
        _check_scale(types, constants, index)
    parts = [given(types, index) for index in range(2, len(types), 3)]
    axis = axis_of(attributes["axis"], len(parts[0].shape))
    for part in parts:
        need(part.dtype in BYTES, f"it takes {part}", MORE_BITS)
        others = [
            (s, p)
            for i, (s, p) in enumerate(zip(parts[0].shape, part.shape, strict=False))
            if i != axis
        ]
        same = len(part.shape) == len(parts[0].shape) and all(s == p for s, p in others)
        need(same, f"it takes {parts[0]} and {part}")
    sizes = [part.shape[axis] for part in parts]
    need(all(isinstance(size, int) for size in sizes), "it puts images behind one another")
    shape = list(parts[0].shape)
    shape[axis] = sum(int(size) for size in sizes)
    return [tensor(_quantised_type(types, 1), tuple(shape))]


def evaluate_qconcat(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Return each part in y's scale, one behind another."""
    parts = []
    for index in range(2, len(inputs), 3):
        (numbers,) = evaluate_dequantise({"axis": 1}, list(inputs[index : index + 3]), einsum)
        target = [numbers, inputs[0], inputs[1]]
        parts += evaluate_quantise({"axis": 1}, target, einsum)
    return [np.concatenate(parts, axis=attributes["axis"])]


LAST = {"channels_last": 0}
AXIS = {"axis": 1, "block_size": 0}
OPERATORS = {
    "QuantizeLinear": Operator(
        {**AXIS, "saturate": 1, "output_dtype": 0, "precision": 0},
        infer_quantise,
        evaluate_quantise,
        (2, 3),
    ),
    "DequantizeLinear": Operator(
        {**AXIS, "output_dtype": 0}, infer_dequantise, evaluate_dequantise, (2, 3)
    ),
    "QLinearConv": Operator(CONV, infer_qconv, evaluate_qconv, (8, 9)),
    "QGemm": Operator(
        {"alpha": 1.0, "transA": 0, "transB": 0},
        infer_qgemm,
        evaluate_qgemm,
        (6, 9),
        domain=MICROSOFT,
    ),
    "QLinearAdd": Operator({}, infer_qadd, evaluate_qadd, (8, 8), domain=MICROSOFT),
    "QLinearAveragePool": Operator(
        {**AVERAGE, **LAST}, infer_qpool, evaluate_qpool, (5, 5), domain=MICROSOFT
    ),
    "QLinearGlobalAveragePool": Operator(
        LAST, infer_qglobal, evaluate_qglobal, (5, 5), domain=MICROSOFT
    ),
    "QLinearConcat": Operator(
        {"axis": int}, infer_qconcat, evaluate_qconcat, (5, MANY), domain=MICROSOFT
    ),
}
