"""What spoils a training, found before it: unreadable, duplicate, mislabelled and odd pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.data.own.check.finding import Finding as Finding
    from cnnkit.data.own.check.run import Report as Report
    from cnnkit.data.own.check.sheet import draw_sheet as draw_sheet

__all__ = ["Finding", "Report", "draw_sheet"]

__getattr__, __dir__ = attach(
    __name__, {"Finding": ".finding", "Report": ".run", "draw_sheet": ".sheet"}
)
