"""Convolutions of which only the rows of one pooling window exist at a time: `banded(lowered)`."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from cnnkit.graph.program.lowered import Lowered
from cnnkit.graph.program.steps import Number, Step
from cnnkit.graph.quantised.room import number

POOL = ("out_h", "out_w", "kernel_h", "kernel_w", "stride_h", "stride_w", "pad_h", "pad_w")


def banded(lowered: Lowered) -> Lowered:
    """Return a program with one step for each convolution and the max-pool that follows it.

    That is where nothing else reads the convolution's result, and no row of it is in two windows.
    """
    made = copy.copy(lowered)
    made.steps, made.sizes = [], [*lowered.sizes]
    buffers = Counter(buffer for step in lowered.steps for buffer in step.buffers)
    steps = iter(zip(lowered.steps, [*lowered.steps[1:], None], strict=True))
    for step, after in steps:
        # One of the two that have the result's buffer is the convolution, the other one the pool.
        if after is None or not _is_band(step, after) or buffers[step.output] != len((step, after)):
            made.steps.append(step)
            continue
        *others, room = step.inputs
        numbers = {**step.numbers, **{f"pool_{name}": after.numbers[name] for name in POOL}}
        made.steps.append(
            replace(
                step,
                kernel="pooled",
                numbers=numbers,
                inputs=(*others, step.output, room),
                output=after.output,
                shape=after.shape,
            )
        )
        made.sizes[step.output] = _band(step.numbers, after.numbers)
        next(steps)
    return made


def _is_band(conv: Step, pool: Step) -> bool:
    of = pool.numbers
    return (
        (conv.kernel, pool.kernel) == ("conv", "pool")
        and pool.inputs == (conv.output,)
        and of["average"] == 0
        and (of["dilation_h"], of["dilation_w"]) == (1, 1)
        and number(of, "kernel_h") <= number(of, "stride_h")
    )


def _band(conv: Mapping[str, Number], pool: Mapping[str, Number]) -> int:
    return number(pool, "kernel_h") * number(conv, "out_w") * number(conv, "out_c")
