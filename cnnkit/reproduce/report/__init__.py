"""The report of a reproduction: its sections and figures, as Markdown and as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.reproduce.report.sections import write_reports as write_reports

__all__ = ["write_reports"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "write_reports": ".sections",
    },
)
