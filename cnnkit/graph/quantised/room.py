"""The arena of a program of integers, and the room in it for what kernels unpack.

Where the processor multiplies pairs of 16 bits, a convolution widens a block of its weights once,
and the windows of four pixels for each block: the fewer blocks, the fewer instructions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from cnnkit.graph.operators.windows import Window
from cnnkit.graph.program.lowered import Lowered
from cnnkit.graph.program.memory import Lifetime, arrange
from cnnkit.graph.program.steps import Number

ALIGNED = 4  # bytes, by which buffers begin
LEAST, MOST = 16, 36 << 10  # output channels of a block, and bytes of more than that
WHOLE = 16  # weights of a channel that are unpacked together


def conv_room(fields: Mapping[str, Number]) -> int:
    """Return the bytes that a convolution needs beside its result.

    That is the windows of four pixels and a block's weights in 16 bits, and a window in bytes where
    runs of four cross its taps.
    """
    row = _window(fields)
    wide = _whole(row, WHOLE) * 2 * (4 + _whole(_number(fields, "block"), 2))
    crossing = (
        _whole(row, ALIGNED) if _number(fields, "in_c") // _number(fields, "groups") % 4 else 0
    )
    return max(wide + ALIGNED + crossing, 2 * row)  # two windows in bytes elsewhere


def depthwise_room(window: Window, channels: int, sizes: tuple[int, ...]) -> int:
    """Return the bytes that a depthwise convolution [H, W] needs beside its result.

    That is what a window beyond the image sees, or a channel with its padding in 16 bits.
    """
    seen = math.prod(window.kernel) * channels
    down, across = window.strides
    if window.kernel != (3, 3) or window.dilations != (1, 1) or (across > 1 and across % 2):
        return seen if any(window.pads) else 0
    height, width = sizes
    wide = _whole(width, 4) + 2 if across == 1 else (width - 1) * across + 4
    return max(seen, 2 * ((height - 1) * down + 3) * wide + ALIGNED)


def block_of(fields: Mapping[str, Number]) -> int:
    """Return how many output channels of a convolution are unpacked at once."""
    most = MOST // (2 * _whole(_window(fields), WHOLE)) // 2 * 2
    return min(_number(fields, "out_c") // _number(fields, "groups"), max(LEAST, most))


def arranged(lowered: Lowered) -> tuple[tuple[int, ...], int]:
    """Return where each buffer begins, and the arena's size."""
    last = len(lowered.steps)
    spans = [(last, -1)] * len(lowered.sizes)
    for index, step in enumerate(lowered.steps):
        for buffer in step.buffers:
            spans[buffer] = min(spans[buffer][0], index), max(spans[buffer][1], index)
    lifetimes = [
        Lifetime(_whole(size, ALIGNED), *span) if span[0] <= span[1] else Lifetime(0, 0, 0)
        for size, span in zip(lowered.sizes, spans, strict=True)
    ]
    return arrange(lifetimes)


def _window(fields: Mapping[str, Number]) -> int:
    """Return the weights of one output channel."""
    area = _number(fields, "kernel_h") * _number(fields, "kernel_w")
    return area * _number(fields, "in_c") // _number(fields, "groups")


def _number(fields: Mapping[str, Number], name: str) -> int:
    value = fields[name]
    assert isinstance(value, int)
    return value


def _whole(size: int, of: int) -> int:
    return -(-size // of) * of
