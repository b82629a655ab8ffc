"""Interleaved timing: `samples = time_interleaved({"a": f, "b": g}, Plan())`.

Every round times every contestant once, in a random order, so that heat, clock changes and
neighbours fall on all alike; only differences within a round are compared.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.measure.statistics import FEWEST_ROUNDS
from cnnkit.errors import InputError

Call = Callable[[], object]
Clock = Callable[[], int]  # nanoseconds, never going back


@dataclass(frozen=True)
class Plan:
    """How long to measure.

    Attributes:
        rounds: samples of each contestant.
        seconds: timed seconds of each contestant, over all rounds.
        seed: of the random order.
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


def time_calls(call: Call, calls: int, clock: Clock) -> int:
    """Return the nanoseconds that `calls` calls take, one after another."""
    start = clock()
    for _ in repeat(None, calls):
        call()
    return clock() - start


def calibrate(call: Call, sample_ns: int, clock: Clock) -> int:
    """Return how many calls make a sample; on the way the contestant warms up."""
    calls = 1
    while (elapsed := time_calls(call, calls, clock)) < sample_ns / 2:
        calls *= 2
    return max(1, round(calls * sample_ns / elapsed))


def time_interleaved(
    contestants: Mapping[str, Call],
    plan: Plan,
    clock: Clock = time.perf_counter_ns,
    on_round: Callable[[], None] = lambda: None,
) -> dict[str, NDArray[np.float64]]:
    """Time all contestants against each other in this process.

    Args:
        contestants: calls that are ready to run; their answers were checked before.
        plan: rounds, seconds, seed.
        clock: nanoseconds; tests put a made-up one here.
        on_round: called after every round, outside the timed part.

    Returns:
        Seconds per call, float64 [rounds], by contestant; index i of all is the same round.
    """
    order = np.random.default_rng(plan.seed)
    names = list(contestants)
    calls = {name: calibrate(contestants[name], plan.sample_ns, clock) for name in names}
    seconds = {name: np.empty(plan.rounds) for name in names}
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for round_ in range(plan.rounds):
            for index in order.permutation(len(names)):
                name = names[index]
                contestants[name]()  # untimed: the one before it has filled the caches
                elapsed = time_calls(contestants[name], calls[name], clock)
                seconds[name][round_] = elapsed * 1e-9 / calls[name]
            on_round()
    finally:
        if collecting:
            gc.enable()
    return seconds
