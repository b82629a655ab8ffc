"""What becomes of the measurements: results, tables, plots, comparisons with earlier runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.bench.report.regressions import changes_since as changes_since
    from cnnkit.bench.report.regressions import read_baseline as read_baseline
    from cnnkit.bench.report.results import Results as Results

__all__ = ["Results", "changes_since", "read_baseline"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Results": ".results",
        "changes_since": ".regressions",
        "read_baseline": ".regressions",
    },
)
