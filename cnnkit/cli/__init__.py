"""The command line: one module per command, each a few lines around one library function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.cli.program import app as app
    from cnnkit.cli.program import main as main

__all__ = ["app", "main"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "app": ".program",
        "main": ".program",
    },
)
