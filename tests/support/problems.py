"""Random problems for `conv_relu_pool`: shapes and parameters."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st


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
