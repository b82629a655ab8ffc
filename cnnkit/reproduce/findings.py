"""What a reproduction found: `findings.verdicts`, `findings.to_json()`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnnkit.reproduce.criteria import Claim, Verdict
from cnnkit.reproduce.model_selection import Choice
from cnnkit.reproduce.plan import ReproduceConfig
from cnnkit.reproduce.sample import Run

REPORTS = ("report.html", "report.md", "report.json")


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        config: every choice.
        claims: each published statement with its verdict.
        runs: every training of the published kind.
        choice: every training with validation images, and the learning rate that it chose.
        machine: what the last training ran on, as in its manifest.
        seconds: how long `published` and `validation` trainings were under way, by the clock; None
            where one was interrupted.
    """

    config: ReproduceConfig
    claims: Sequence[Claim]
    runs: Sequence[Run]
    choice: Choice
    machine: dict[str, Any]
    seconds: dict[str, float | None]

    @property
    def reports(self) -> list[Path]:
        """The reports' paths."""
        return [self.config.folder / name for name in REPORTS]

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many claims have each verdict."""
        counts = Counter(claim.verdict for claim in self.claims)
        return {verdict: counts[verdict] for verdict in Verdict}

    @property
    def summary(self) -> str:
        """The verdicts in words."""
        return ", ".join(f"{verdict}: {number}" for verdict, number in self.verdicts.items())

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        config = {**asdict(self.config), "data": self.config.data and str(self.config.data)}
        return {
            "config": {**config, "output": str(self.config.folder)},
            "reports": [str(path) for path in self.reports],
            "verdicts": self.verdicts,
            "claims": [claim.to_json() for claim in self.claims],
            "runs": [run.to_json() for run in self.runs],
            "choice": self.choice.to_json(),
            "validation_runs": [
                run.to_json() for candidate in self.choice.candidates for run in candidate.runs
            ],
            "machine": self.machine,
            "wall_clock_seconds": self.seconds,
        }
