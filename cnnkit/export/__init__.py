"""Any model as a verified file: `export(module, "net.onnx", data="signs")`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.export.models import export as export
    from cnnkit.formats.registry import FORMATS as FORMATS
    from cnnkit.formats.registry import find_format as find_format

__all__ = ["FORMATS", "export", "find_format"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "FORMATS": "cnnkit.formats.registry",
        "export": ".models",
        "find_format": "cnnkit.formats.registry",
    },
)
