"""Results as tables, charts and regressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.bench.report.regressions import compare as compare
    from cnnkit.bench.report.regressions import read_baseline as read_baseline
    from cnnkit.bench.report.results import Results as Results

__all__ = ["Results", "compare", "read_baseline"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Results": ".results",
        "compare": ".regressions",
        "read_baseline": ".regressions",
    },
)
