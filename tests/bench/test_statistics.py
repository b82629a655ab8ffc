"""Intervals and comparisons of fake times; nothing here depends on the machine's speed."""

from __future__ import annotations

import numpy as np
import pytest
from support.bench_fakes import PLAN, FakeClock

from cnnkit.bench.measure.statistics import (
    CONFIDENCE,
    FEWEST_ROUNDS,
    Interval,
    compare_speed,
    interval_rank,
    median_interval,
    noise_floor,
    paired_ratio,
)
from cnnkit.bench.measure.timing import TimingPlan, time_interleaved
from cnnkit.errors import InputError


@pytest.mark.parametrize(("samples", "rank"), [(5, 0), (6, 1), (10, 2), (20, 6), (50, 18)])
def test_interval_ranks_are_those_of_the_published_tables(samples: int, rank: int) -> None:
    # Conover, Practical Nonparametric Statistics: 95 % limits for the median.
    assert interval_rank(samples) == rank


def test_intervals_hold_the_median_as_often_as_they_say() -> None:
    draw = np.random.default_rng(0)
    true = np.log(2.0)  # of the exponential distribution, skewed as times are
    hits = 0
    for _ in range(2000):
        _, low, high = median_interval(draw.standard_exponential(31))
        hits += low <= true <= high
    assert hits / 2000 >= CONFIDENCE - 0.01


def test_too_few_rounds_are_refused() -> None:
    assert FEWEST_ROUNDS == 6
    with pytest.raises(ValueError, match="fewer than 6"):
        median_interval(np.ones(5))
    with pytest.raises(InputError, match="--rounds: 5 rounds give no interval"):
        TimingPlan(rounds=5)
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="--seconds"):
            TimingPlan(seconds=seconds)


def test_a_slow_round_cancels_out_in_the_ratio() -> None:
    slow = np.linspace(1.0, 5.0, 21)
    ratio = paired_ratio(2.0 * slow, slow)
    assert ratio == Interval(2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("ratio", "noise", "expected"),
    [
        (Interval(2.0, 1.9, 2.1), 0.02, "faster"),
        (Interval(0.5, 0.4, 0.6), 0.02, "slower"),
        (Interval(1.0, 0.99, 1.01), 0.02, "no difference"),
        (Interval(1.05, 0.99, 1.2), 0.02, "no difference"),  # the interval holds 1
        (Interval(1.05, 1.04, 1.06), 0.10, "no difference"),  # within the noise
        (Interval(0.96, 0.95, 0.97), 0.10, "no difference"),
    ],
)
def test_a_difference_must_lie_beyond_interval_and_noise(
    ratio: Interval, noise: float, expected: str
) -> None:
    assert compare_speed(ratio, noise) == expected


def test_noise_floor_counts_both_directions() -> None:
    ones = np.ones(21)
    assert noise_floor(ones, ones) == 0.0
    assert noise_floor(ones * 0.8, ones) == pytest.approx(0.25)
    assert noise_floor(ones * 1.25, ones) == pytest.approx(0.25)


def test_every_round_times_every_call_once_in_its_own_order() -> None:
    clock, calls = FakeClock(noise=0.0), []

    def call(name: str) -> None:
        calls.append(name)
        clock.spend(PLAN.sample_ns)  # one call makes a sample

    rounds: list[int] = []
    seconds = time_interleaved(
        {name: lambda name=name: call(name) for name in "abc"},  # type: ignore[misc]
        PLAN,
        clock,
        lambda: rounds.append(len(calls)),
    )
    assert len(rounds) == PLAN.rounds
    starts = [rounds[0] - 6, *rounds[:-1]]
    orders = ["".join(calls[a:b]) for a, b in zip(starts, rounds, strict=True)]
    assert all(sorted(order) == list("aabbcc") for order in orders)  # one untimed call, one timed
    assert all(order[::2] == order[1::2] for order in orders)
    assert len(set(orders)) > 3
    assert all((times == pytest.approx(PLAN.sample_ns * 1e-9)) for times in seconds.values())


def test_the_same_seed_gives_the_same_order() -> None:
    def order(seed: int) -> str:
        clock, calls = FakeClock(), []

        def call(name: str) -> None:
            calls.append(name)
            clock.spend(1e6)

        named = {name: lambda name=name: call(name) for name in "abc"}  # type: ignore[misc]
        time_interleaved(named, TimingPlan(21, 0.001, seed), clock)
        return "".join(calls)

    assert order(1) == order(1) != order(2)


def test_samples_are_per_call_however_many_calls_make_one() -> None:
    clock = FakeClock(noise=0.0)
    seconds = time_interleaved({"quick": lambda: clock.spend(100.0)}, PLAN, clock)
    assert seconds["quick"] == pytest.approx(100e-9)
