"""Times of a few calls side by side, for a report: `microseconds({"a": f, "b": g})`.

`cnnkit bench` measures with more care; this takes a fraction of a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

ROUNDS = 21
SAMPLE = 0.002  # seconds that each call is repeated for, at least, in every round


def microseconds(calls: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the least time of each call over rounds in which all are called in turn.

    The least, because other work on the machine can only add to a time.

    Args:
        calls: functions by name.
    """
    repeats = {name: _repeats(call) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times[name].append(_seconds(call, repeats[name]) / repeats[name])
    return {name: round(min(found) * 1e6, 2) for name, found in times.items()}


def _repeats(call: Callable[[], Any]) -> int:
    call()  # warms it up
    return max(1, round(SAMPLE / max(_seconds(call, 1), 1e-9)))


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - start
