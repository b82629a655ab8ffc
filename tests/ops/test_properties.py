"""Random shapes and parameters of `conv_relu_pool` against PyTorch in float64, on every ISA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from support.problems import problems

from cnnkit import ops

SHAPES_PER_ISA = 700


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
    # Rounding errors are relative to the sums, including those that ReLU and pool discard.
    assert np.abs(y - expected.numpy()).max() <= 4e-6 * max(1.0, sums.abs().max().item())
