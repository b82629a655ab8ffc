"""Times of calls: `microseconds({"a": f, "b": g})` is a quick look at a few side by side.

`cnnkit bench` measures with more care; this takes a fraction of a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import repeat

Call = Callable[[], object]
Clock = Callable[[], int]  # nanoseconds, monotonic
ROUNDS = 21
SAMPLE = 2_000_000  # nanoseconds that each call is repeated for in every round


def time_calls(call: Call, calls: int, clock: Clock) -> int:
    """Return the nanoseconds that `calls` calls take, one after the other."""
    start = clock()
    for _ in repeat(None, calls):
        call()
    return clock() - start


def calibrate(call: Call, sample_ns: int, clock: Clock) -> int:
    """Return how many calls one sample needs; finding out warms the call up."""
    calls = 1
    while (elapsed := time_calls(call, calls, clock)) < sample_ns / 2:
        calls *= 2
    return max(1, round(calls * sample_ns / elapsed))


def microseconds(calls: Mapping[str, Call]) -> dict[str, float]:
    """Return the least time of each call over rounds in which all are called in turn.

    The least, because other work on the machine can only add to a time.

    Args:
        calls: functions by name.
    """
    clock = time.perf_counter_ns
    repeats = {name: calibrate(call, SAMPLE, clock) for name, call in calls.items()}
    rounds = [
        {
            name: time_calls(call, repeats[name], clock) / repeats[name]
            for name, call in calls.items()
        }
        for _ in range(ROUNDS)
    ]
    return {name: round(min(found[name] for found in rounds) / 1e3, 2) for name in calls}
