"""Is the file the network? `verify([path], weights, dataset)` proves it, or says what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.verify.pair import Comparison as Comparison
    from cnnkit.verify.pair import against as against
    from cnnkit.verify.report import Report as Report
    from cnnkit.verify.run import verify as verify

__all__ = ["Comparison", "Report", "against", "verify"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Comparison": ".pair",
        "Report": ".report",
        "against": ".pair",
        "verify": ".run",
    },
)
