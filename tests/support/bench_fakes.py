"""A fake machine for tests of the benchmark: time passes only when a fake peer says so."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cnnkit.bench.measure.roofline import Limits
from cnnkit.bench.measure.timing import TimingPlan
from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.peers.registry import Peer
from cnnkit.bench.report.results import CaseResult, Results
from cnnkit.bench.workloads.base import ConvBlock, Float32, Workload

PLAN = TimingPlan(rounds=21, seconds=0.001)


@dataclass
class FakeClock:
    """Nanoseconds that pass only in `spend`, with noise of a known relative size."""

    noise: float = 0.01
    now: float = 0.0
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def __call__(self) -> int:
        return round(self.now)

    def spend(self, nanoseconds: float) -> None:
        self.now += nanoseconds * (1.0 + self.noise * self.generator.standard_exponential())


def work(name: str = "small", batch: int = 2) -> Workload:
    """A small block with random weights."""
    generator = np.random.default_rng(0)
    x = generator.random((batch, 2, 6, 6), np.float32)
    block = ConvBlock(generator.standard_normal((3, 2, 3, 3), np.float32), None, padding=(1, 1))
    return Workload(name, x, (block,), None, 1e-6, "random")


def peer(clock: FakeClock, cost: float, off: float = 0.0, calls: list[str] | None = None) -> Peer:
    """A peer whose output is right, or `off` by a share of the largest value; `cost` ns a call."""

    def factory(work: Workload, threads: int) -> PreparedCall:
        output: Float32 = (work.reference + off * np.abs(work.reference).max()).astype(np.float32)

        def run() -> Float32:
            clock.spend(cost)
            if calls is not None:
                calls.append(work.name)
            return output

        return PreparedCall(run)

    return Peer(factory, ("numpy",), "fake")


def failing(error: Exception) -> Peer:
    def factory(work: Workload, threads: int) -> PreparedCall:
        raise error

    return Peer(factory, ("numpy",), "fake")


def results(cases: tuple[CaseResult, ...]) -> Results:
    """Wrap cases as the results of a whole run."""
    environment = {"cpu": "fake", "isa": "scalar", "threads": 1, "pinned_cores": [0]}
    limits = Limits(100.0, {"L1": 400.0, "memory": 20.0})
    settings = {f"{case.suite}/{row.peer}": "fake" for case in cases for row in case.rows}
    plan = {"rounds": 21, "seconds": 0.001, "seed": 0}
    return Results(environment, plan, limits, settings, cases)
