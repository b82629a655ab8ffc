"""The fused operator with too little memory, and with memory that needs interpretation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnkit import ops
from cnnkit.errors import InputError

X = np.ones((4, 1, 8, 8), np.float32)
WEIGHT = np.ones((1, 1, 3, 3), np.float32)


def test_sizes_whose_bytes_would_overflow_are_refused() -> None:
    x, weight = np.ones((1, 1024, 8, 8), np.float32), np.ones((1, 1024, 1, 1), np.float32)
    padding = (2**31 - 4, 2**19 - 4)  # 2^32 x 2^20 x 1024 floats: 0 bytes, modulo 2^64
    with pytest.raises(InputError, match=r"x: of 8x8 pixels with padding .* needs more memory"):
        ops.conv_relu_pool(x, weight, padding=padding, pool_kernel=1, pool_stride=2**31 - 1)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_memory_that_is_not_there_is_an_error_on_any_number_of_threads(threads: int) -> None:
    # 800 TB: more than a process can address.
    far = {"padding": 7_000_000, "pool_kernel": 1, "pool_stride": 2**22}
    for _ in range(20):  # the worker threads must have finished a failed call before it returns
        with pytest.raises(MemoryError):
            ops.conv_relu_pool(X, WEIGHT, **far, threads=threads)
    assert (ops.conv_relu_pool(X, WEIGHT, threads=threads) == 9).all()


def test_a_tensor_with_a_pending_negation_is_read_as_what_it_shows() -> None:
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    negated = torch._neg_view(x)
    assert negated.data_ptr() == x.data_ptr()
    assert torch.equal(ops.conv_relu_pool(negated, weight), ops.conv_relu_pool(-x, weight))


def test_a_sparse_tensor_is_refused() -> None:
    x, weight = torch.ones(1, 1, 8, 8), torch.ones(1, 1, 3, 3)
    with pytest.raises(InputError, match=r"x: has layout torch.sparse_coo. Give .to_dense()"):
        ops.conv_relu_pool(x.to_sparse(), weight)
    with pytest.raises(InputError, match="weight: has layout"):
        ops.conv_relu_pool(x, weight.to_sparse())
