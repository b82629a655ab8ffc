"""Is the file the network? `verify([path], weights, dataset)` proves it, or says what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.verify.against import Comparison as Comparison
    from cnnkit.verify.against import against as against
    from cnnkit.verify.report import Report as Report
    from cnnkit.verify.run import verify as verify

__all__ = ["Comparison", "Report", "against", "verify"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Comparison": ".against",
        "Report": ".report",
        "against": ".against",
        "verify": ".run",
    },
)
