"""Diagnostics: this machine and installation, and which runtimes can load a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.doctor.compatibility import check_compatibility as check_compatibility
    from cnnkit.doctor.environment import examine as examine

__all__ = ["check_compatibility", "examine"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "check_compatibility": ".compatibility",
        "examine": ".environment",
    },
)
