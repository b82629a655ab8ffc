"""Interleaved timing: `samples = time_interleaved({"a": f, "b": g}, TimingPlan())`.

Every round times every call once, in a random order, so that heat, clock changes and other
processes affect all of them alike; only times of the same round are compared.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.measure.statistics import FEWEST_ROUNDS
from cnnkit.errors import InputError
from cnnkit.system.stopwatch import Call, Clock, calibrate, time_calls


@dataclass(frozen=True)
class TimingPlan:
    """How long to measure.

    Attributes:
        rounds: samples of each call.
        seconds: timed seconds of each call, over all rounds.
        seed: for the random order within rounds.
    """

    rounds: int = 41
    seconds: float = 0.4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rounds < FEWEST_ROUNDS:
            raise InputError(
                "--rounds",
                f"{self.rounds} rounds give no interval",
                f"ask for {FEWEST_ROUNDS} or more",
            )
        if not 0.0 < self.seconds < float("inf"):
            raise InputError("--seconds", f"{self.seconds} is not above 0", "ask for 0.1 or more")

    @property
    def sample_ns(self) -> int:
        """Nanoseconds that one sample should take."""
        return max(1, round(self.seconds * 1e9 / self.rounds))


class PartTime(NamedTuple):
    """One part of cnnkit's work on a case: seconds and executed FLOP of an image.

    `certain` is False where the noise is as large as the time, which then means nothing. `bytes`
    are what it reads and writes, once; 0 where that is not known.
    """

    name: str
    seconds: float
    executed_flop: float
    certain: bool = True
    bytes: float = 0.0


def time_interleaved(
    calls: Mapping[str, Call],
    plan: TimingPlan,
    clock: Clock = time.perf_counter_ns,
    on_round: Callable[[], None] = lambda: None,
) -> dict[str, NDArray[np.float64]]:
    """Time all calls against each other in this process.

    Args:
        calls: what to time, by name; verified before.
        plan: rounds, seconds, seed.
        clock: returns nanoseconds; tests pass a fake one.
        on_round: called after every round, outside the timed part.

    Returns:
        Seconds per call, float64 [rounds], by name; the same index is the same round in all.
    """
    order = np.random.default_rng(plan.seed)
    names = list(calls)
    repeats = {name: calibrate(calls[name], plan.sample_ns, clock) for name in names}
    seconds = {name: np.empty(plan.rounds) for name in names}
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for round_ in range(plan.rounds):
            for index in order.permutation(len(names)):
                name = names[index]
                calls[name]()  # untimed: the call before it has filled the caches with its own data
                elapsed = time_calls(calls[name], repeats[name], clock)
                seconds[name][round_] = elapsed * 1e-9 / repeats[name]
            on_round()
    finally:
        if collecting:
            gc.enable()
    return seconds
