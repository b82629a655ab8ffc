"""Random problems for `conv_relu_pool` and `Conv2d`: shapes and parameters."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from cnnkit.ops.conv2d_cases import Conv2dCase


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


@st.composite
def conv2d_cases(draw: st.DrawFn) -> Conv2dCase:
    """Any small case of `Conv2d`."""
    side, few = st.integers(1, 30), st.integers(1, 4)
    pair = lambda low, high: draw(st.tuples(st.integers(low, high), st.integers(low, high)))  # noqa: E731
    groups, inputs, outputs = draw(st.just(1) | st.integers(2, 6)), draw(few), draw(few)
    kernel = (
        draw(st.sampled_from([(1, 1), (3, 3), (5, 5), (10, 4)])) if draw(side) % 2 else pair(1, 6)
    )
    stride, dilation = pair(1, 3), pair(1, 3) if draw(st.booleans()) else (1, 1)
    padding = (*pair(0, 4), *pair(0, 4))
    pool = pair(1, 4) if draw(st.booleans()) else None
    pool_stride, pool_padding = None, (0, 0)
    if pool is not None:
        pool_stride = pair(1, 3)
        pool_padding = (draw(st.integers(0, pool[0] // 2)), draw(st.integers(0, pool[1] // 2)))
    rows, columns = (
        max(draw(side), (window - 1) * s + (k - 1) * d + 1 - before - after, 1)
        for window, s, k, d, before, after in zip(
            pool or (1, 1), stride, kernel, dilation, padding[:2], padding[2:], strict=True
        )
    )
    low = draw(st.integers(-4, 2)) / 4
    return Conv2dCase(
        "drawn",
        (draw(st.integers(1, 2)), groups * inputs, rows, columns),
        (groups * outputs, inputs, *kernel),
        stride,
        padding,
        dilation,
        groups,
        draw(st.sampled_from(["none", "relu", (low, low + draw(few) / 4)])),
        pool,
        pool_stride,
        pool_padding,
        draw(st.booleans()),
    )
