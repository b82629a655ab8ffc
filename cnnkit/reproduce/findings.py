"""The results of a reproduction: `findings.verdicts`, `findings.to_json()`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnnkit.reproduce.criteria import Claim, Verdict
from cnnkit.reproduce.model_selection import ModelSelection
from cnnkit.reproduce.plan import ReproduceConfig
from cnnkit.reproduce.trained_run import TrainedRun
from cnnkit.system.display import page, summary

REPORTS = ("report.html", "report.md", "report.json")


@dataclass(frozen=True)
class Findings:
    """The results.

    Attributes:
        config: all settings.
        claims: each published statement with its verdict.
        runs: all trainings with the published settings.
        selection: all trainings with validation images, and the learning rate they select.
        machine: software and hardware of the last training, as in its manifest.
        seconds: wall-clock time of the `published` and `validation` trainings; None if one of them
            was interrupted.
    """

    config: ReproduceConfig
    claims: Sequence[Claim]
    runs: Sequence[TrainedRun]
    selection: ModelSelection
    machine: dict[str, Any]
    seconds: dict[str, float | None]

    def __repr__(self) -> str:
        return summary(self, repr(str(self.config.folder)), self.summary)

    def _repr_html_(self) -> str:
        return page(str(self.config.folder), (), self.verdicts.items())

    @property
    def reports(self) -> list[Path]:
        """The paths of the reports."""
        return [self.config.folder / name for name in REPORTS]

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """Number of claims by verdict."""
        counts = Counter(claim.verdict for claim in self.claims)
        return {verdict: counts[verdict] for verdict in Verdict}

    @property
    def summary(self) -> str:
        """The number of claims by verdict, as text."""
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
            "choice": self.selection.to_json(),
            "validation_runs": [
                run.to_json() for candidate in self.selection.candidates for run in candidate.runs
            ],
            "machine": self.machine,
            "wall_clock_seconds": self.seconds,
        }
