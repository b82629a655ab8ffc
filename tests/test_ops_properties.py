"""Random shapes and parameters of `conv_relu_pool` against PyTorch in float64, on every ISA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnkit import ops

SHAPES_PER_ISA = 700


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """Any valid problem; half of them of the kind that the Winograd kernels take."""
    sides = st.integers(1, 40)
    channels = st.integers(1, 20) | st.integers(30, 48)
    kernel = stride = pool = step = (0, 0)
    if draw(st.booleans()):
        kernel, stride, padding, pool, step, ring = (3, 3), (1, 1), (1, 1), (2, 2), (2, 2), (0, 0)
    else:
        pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731 (twice used, once read)
        kernel, stride, padding = draw(pair(1, 11)), draw(pair(1, 4)), draw(pair(0, 5))
        pool, step = draw(pair(1, 4)), draw(pair(1, 4))
        ring = (draw(st.integers(0, pool[0] // 2)), draw(st.integers(0, pool[1] // 2)))
    least = [
        max(1, p - 2 * r - 1) * s + k - 2 * q + s * (p - 2 * r > 1)
        for k, s, q, p, r in zip(kernel, stride, padding, pool, ring, strict=True)
    ]
    rows, columns = (max(size, draw(sides)) for size in least)
    return {
        "x": (draw(st.integers(1, 3)), draw(channels), rows, columns),
        "out": draw(channels),
        "kernel": kernel,
        "bias": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "parameters": {
            "stride": stride,
            "padding": padding,
            "pool_kernel": pool,
            "pool_stride": step,
            "pool_padding": ring,
        },
    }


@pytest.mark.parametrize("isa", ops.available_isas())
@settings(max_examples=SHAPES_PER_ISA, deadline=None, derandomize=True, database=None)
@given(problem=problems())
def test_any_shape_is_as_exact_as_float32_allows(isa: str, problem: dict[str, Any]) -> None:
    generator = np.random.default_rng(problem["seed"])
    draw = lambda *shape: generator.uniform(-1, 1, shape).astype(np.float32)  # noqa: E731
    x = draw(*problem["x"])
    weight = draw(problem["out"], problem["x"][1], *problem["kernel"])
    bias = draw(problem["out"]) if problem["bias"] else None
    p = problem["parameters"]
    y = ops.ConvReLUPool(weight, bias, **p, isa=isa)(x, threads=1)

    tensors = [None if a is None else torch.from_numpy(a).double() for a in (x, weight, bias)]
    sums = F.conv2d(*tensors, p["stride"], p["padding"])  # type: ignore[arg-type]
    expected = F.max_pool2d(F.relu(sums), p["pool_kernel"], p["pool_stride"], p["pool_padding"])
    assert y.shape == tuple(expected.shape)
    # Rounding errors are shares of the sums, also of those that ReLU and pool then drop.
    assert np.abs(y - expected.numpy()).max() <= 4e-6 * max(1.0, sums.abs().max().item())
