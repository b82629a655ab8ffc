"""The arena of a program of integers, and the room in it for what kernels unpack.

Where the processor multiplies pairs of 16 bits, a convolution widens a block of its weights once,
and the windows of four pixels for each block: the fewer blocks, the fewer instructions. Blocks are
as large as they may be in the arena that the smallest ones need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from cnnkit.graph.operators.windows import Window
from cnnkit.graph.program.lowered import Lowered
from cnnkit.graph.program.memory import Lifetime, arrange
from cnnkit.graph.program.steps import Number

ALIGNED = 4  # bytes, by which buffers begin
LEAST, LEAST_BYTES = 16, 4096  # output channels of a block; more of them until it has these


def conv_room(fields: Mapping[str, Number]) -> int:
    """Return the bytes that a convolution needs beside its result.

    That is the windows of four pixels and a block's weights in 16 bits, and a window in bytes where
    runs of four cross its taps; with Helium, the windows in bytes, and biases and sums of a block.
    """
    row = _window(fields)
    aligned, block = _whole(row, ALIGNED), _whole(number(fields, "block"), 2)
    crosses = number(fields, "in_c") // number(fields, "groups") % 4 > 0
    seen = max(aligned, 2 * (number(fields, "kernel_w") + 3))  # of one window, of a row of four
    pairs = 4 * _pairs(fields) * (4 + block) + seen * crosses
    helium = 4 * block * (1 + 4) + 4 * aligned
    return max(pairs + ALIGNED, helium + ALIGNED, 2 * row)  # two windows in bytes elsewhere


def depthwise_room(window: Window, channels: int, width: int) -> int:
    """Return the bytes that a depthwise convolution of so many columns needs beside its result.

    That is what a window beyond the image sees, or three rows of four channels with their padding
    in 16 bits.
    """
    seen = math.prod(window.kernel) * channels
    across = window.strides[1]
    if window.kernel != (3, 3) or window.dilations != (1, 1) or across > 2:
        return seen if any(window.pads) else 0
    return max(seen, 3 * 4 * 2 * (_whole(width, 4) * across + 2) + ALIGNED)


def arranged(lowered: Lowered) -> tuple[tuple[int, ...], int]:
    """Return where each buffer begins, and the arena's size; convolutions get their blocks.

    Those with most work get theirs first.
    """
    convolutions = [
        index for index, step in enumerate(lowered.steps) if step.kernel in ("conv", "pooled")
    ]
    for index in convolutions:
        _set_block(lowered, index, _least(lowered.steps[index].numbers))
    offsets, arena = _arrange(lowered)
    for index in sorted(convolutions, key=lambda index: -lowered.steps[index].macc):
        numbers = lowered.steps[index].numbers
        whole, least = _outputs(numbers), _least(numbers)
        for parts in range(1, -(-whole // least)):
            _set_block(lowered, index, _whole(-(-whole // parts), 2))
            found = _arrange(lowered)
            if found[1] <= arena:
                offsets = found[0]
                break
        else:
            _set_block(lowered, index, least)
    return offsets, arena


def number(fields: Mapping[str, Number], name: str) -> int:
    """Return a field that is a whole number."""
    value = fields[name]
    assert isinstance(value, int)
    return value


def _arrange(lowered: Lowered) -> tuple[tuple[int, ...], int]:
    last = len(lowered.steps)
    spans = [(last, -1)] * len(lowered.sizes)
    for index, step in enumerate(lowered.steps):
        for buffer in step.buffers:
            spans[buffer] = min(spans[buffer][0], index), max(spans[buffer][1], index)
    lifetimes = [
        Lifetime(_whole(size, ALIGNED), *span) if span[0] <= span[1] else Lifetime(0, 0, 0)
        for size, span in zip(lowered.sizes, spans, strict=True)
    ]
    return min(
        arrange(lifetimes), arrange(lifetimes, lasting_first=True), key=lambda found: found[1]
    )


def _set_block(lowered: Lowered, index: int, block: int) -> None:
    """Let a convolution unpack so many output channels at once, or all if it has fewer."""
    step = lowered.steps[index]
    numbers = {**step.numbers, "block": min(block, _outputs(step.numbers))}
    lowered.steps[index] = replace(step, numbers=numbers)
    room = step.inputs[-1]
    assert isinstance(room, int)
    lowered.sizes[room] = conv_room(numbers)


def _least(fields: Mapping[str, Number]) -> int:
    """Return the output channels of the smallest block."""
    return max(LEAST, LEAST_BYTES // (2 * _whole(_window(fields), ALIGNED)) // 2 * 2)


def _outputs(fields: Mapping[str, Number]) -> int:
    """Return the output channels of a group."""
    return number(fields, "out_c") // number(fields, "groups")


def _window(fields: Mapping[str, Number]) -> int:
    """Return the weights of one output channel."""
    area = number(fields, "kernel_h") * number(fields, "kernel_w")
    return area * number(fields, "in_c") // number(fields, "groups")


def _pairs(fields: Mapping[str, Number]) -> int:
    """Return the pairs of 16 bits that a window becomes: of one channel, each row of it apart."""
    if number(fields, "in_c") > 1 or number(fields, "stride_w") > 1:
        return _whole(_window(fields), ALIGNED) // 2
    rows, columns = number(fields, "kernel_h"), number(fields, "kernel_w")
    rest = columns % 4
    apart = rows * (columns // 4 * 2 + (rest > 0) + (rest > (rows > 1)))
    return max(apart, _whole(_window(fields), ALIGNED) // 2)  # not so in narrow images


def _whole(size: int, of: int) -> int:
    return -(-size // of) * of
