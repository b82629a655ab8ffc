"""Host apps (programs that embed a network), and the demo page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.hosts.demo import Demo as Demo
    from cnnkit.hosts.embedding import embed as embed

__all__ = ["Demo", "embed"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Demo": ".demo",
        "embed": ".embedding",
    },
)
