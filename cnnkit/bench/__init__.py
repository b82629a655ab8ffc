"""Benchmarks that verify before they time: `run_benchmark(BenchConfig())`, or `cnnkit bench`.

Data flows one way: suites make workloads (inputs, weights, float64 reference); for each, peers
prepare a call; `case` verifies its output and measures its time; report makes tables, plots and
comparisons with earlier runs of the results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.bench.run import BenchConfig as BenchConfig
    from cnnkit.bench.run import run_benchmark as run_benchmark

__all__ = ["BenchConfig", "run_benchmark"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "BenchConfig": ".run",
        "run_benchmark": ".run",
    },
)
