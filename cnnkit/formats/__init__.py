"""Files to networks and back: how each format is recognised, read and written; nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.formats.detect import read_contract as read_contract
    from cnnkit.formats.registry import FORMATS as FORMATS
    from cnnkit.formats.registry import find_format as find_format

__all__ = ["FORMATS", "find_format", "read_contract"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "FORMATS": ".registry",
        "find_format": ".registry",
        "read_contract": ".detect",
    },
)
