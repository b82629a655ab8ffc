"""How time, FLOP, the machine's limits and whole processes are measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.bench.measure.processes import process_figures as process_figures
    from cnnkit.bench.measure.roofline import measure_limits as measure_limits
    from cnnkit.bench.measure.timing import time_interleaved as time_interleaved

__all__ = ["measure_limits", "process_figures", "time_interleaved"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "measure_limits": ".roofline",
        "process_figures": ".processes",
        "time_interleaved": ".timing",
    },
)
