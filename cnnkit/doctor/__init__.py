"""What this machine, this installation and other runtimes can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.doctor.compatibility import find_hosts as find_hosts
    from cnnkit.doctor.environment import examine as examine

__all__ = ["examine", "find_hosts"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "examine": ".environment",
        "find_hosts": ".compatibility",
    },
)
