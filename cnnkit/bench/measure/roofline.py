"""The machine's measured limits: `measure_limits()`, before and after the kernels are timed.

A kernel's speed means something only as a share of a limit, and a data sheet's clock rate is not
that of this run.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from cnnkit import _core

# Working sets that fit well into the first-level cache, the second-level cache, not into that one,
# and into no cache.
WORKING_SETS = {"L1": 16 << 10, "L2": 256 << 10, "beyond L2": 8 << 20, "memory": 256 << 20}
IN_L2 = 1 << 20  # bytes that a layer reads and writes from the second-level cache


@dataclass(frozen=True)
class Limits:
    """Measured limits of the cores in use.

    Attributes:
        fma_gflops: 10^9 FLOP/s of independent multiply-adds with the instruction set in use.
        bandwidth: 10^9 bytes/s of reading, by the name of the working set.
    """

    fma_gflops: float
    bandwidth: dict[str, float]

    def best(self, other: Limits) -> Limits:
        """Return the higher of two measurements, limit by limit."""
        return Limits(
            max(self.fma_gflops, other.fma_gflops),
            {name: max(rate, other.bandwidth[name]) for name, rate in self.bandwidth.items()},
        )

    def seconds(self, flop: float, count: float) -> float:
        """Return what so many FLOP and bytes of a layer take at least: the roofline."""
        level = "L2" if count <= IN_L2 else "beyond L2"
        return max(flop / self.fma_gflops, count / self.bandwidth[level]) * 1e-9

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def measure_limits(threads: int = 1, seconds: float = 0.2) -> Limits:
    """Measure each limit for `seconds` on `threads` threads at once, and add them up.

    The best of many short bursts counts, because a limit is what is possible.
    """

    def in_parallel(measure: Callable[..., float], *arguments: float) -> float:
        with ThreadPoolExecutor(threads) as pool:  # the measurements release the GIL
            futures = [pool.submit(measure, seconds, *arguments) for _ in range(threads)]
            return sum(future.result() for future in futures) * 1e-9

    bandwidth = {
        name: in_parallel(_core.measure_bandwidth, size) for name, size in WORKING_SETS.items()
    }
    return Limits(in_parallel(_core.measure_fma_peak), bandwidth)
