"""What a check found: `Finding`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One kind of finding.

    Attributes:
        kind: its name in JSON.
        title: what was found, with its number.
        spoils: whether a training would be refused, or its accuracy wrong.
        remedy: what to do.
        groups: pictures, those together that belong together.
        lines: a line of text about each group, or about what has no pictures.
    """

    kind: str
    title: str
    spoils: bool
    remedy: str
    groups: list[list[int]]
    lines: list[str]

    def to_json(self, paths: Sequence[str]) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return {
            "kind": self.kind,
            "title": self.title,
            "spoils": self.spoils,
            "remedy": self.remedy,
            "files": [[paths[index] for index in group] for group in self.groups],
            "lines": self.lines,
        }
