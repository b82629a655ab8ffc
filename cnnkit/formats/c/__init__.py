"""C99 sources, written and read; never compiled here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.formats.c.source import read_c as read_c
    from cnnkit.formats.c.source import write_c as write_c

__all__ = ["read_c", "write_c"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "read_c": ".source",
        "write_c": ".source",
    },
)
