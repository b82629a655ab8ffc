"""What `cnnkit doctor MODEL` says of one runtime.

A result is *tested* if an installed runtime ran the file, *inferred* from the file and what its
format knows of other runtimes, or *not tried* where no inputs that fit the file could be made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Compatibility:
    """The compatibility of one runtime.

    Attributes:
        runtime: its name and version.
        loads: whether it loads the file and gives the right outputs; None if unknown.
        basis: "tested", "inferred" or "not tried".
        reason: the observation, what it is inferred from, or what kept it from being tried.
    """

    runtime: str
    loads: bool | None
    basis: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "host": self.runtime,
            "loads": self.loads,
            "basis": self.basis,
            "reason": self.reason,
        }
