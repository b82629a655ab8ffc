"""Benchmarks that can be believed: `run_benchmark(BenchConfig())`, or `cnnkit bench`.

Data flows one way: suites -> workloads -> peers -> case (verify, then measure) -> report.
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
