"""Against an earlier run: `compare(results, read_baseline(path, describe(1)))` finds regressions.

Only cnnkit's own rows are held against each other: peers change with their versions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from cnnkit.bench.measure.environment import COMPARABLE
from cnnkit.bench.measure.statistics import Interval, Verdict, verdict
from cnnkit.bench.peers.registry import SUBJECT
from cnnkit.bench.report.results import Results
from cnnkit.bench.report.tables import STYLES
from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

# The same code in two processes: memory lies elsewhere, and neighbours do other things. Most runs
# of the reference blocks are within 2 % of each other.
BETWEEN_PROCESSES = 0.05


@dataclass(frozen=True)
class Measured:
    """cnnkit's time on one case of the baseline, seconds per image, and that run's noise floor."""

    seconds: Interval
    noise: float


@dataclass(frozen=True)
class Baseline:
    """An earlier run: its measured FMA peak, and its cases by name and batch."""

    fma_gflops: float
    cases: Mapping[str, Measured]


@dataclass(frozen=True)
class Change:
    """One case in both runs.

    Attributes:
        case: name and batch.
        before: seconds per image in the baseline.
        now: seconds per image in this run.
        speedup: before / now.
        noise: of both runs together, and between them.
        verdict: on this run against the baseline.
    """

    case: str
    before: Interval
    now: Interval
    speedup: Interval
    noise: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        intervals = {k: v._asdict() for k, v in vars(self).items() if isinstance(v, Interval)}
        return {**asdict(self), **intervals}


def read_baseline(path: Path, here: Mapping[str, Any]) -> Baseline:
    """Read what `cnnkit bench --json` printed.

    Args:
        path: the document.
        here: what `describe` says of this run; `COMPARABLE` must be equal.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is no such document, or of another machine, instruction set or thread count.
    """
    remedy = "name a file that `cnnkit bench --json` printed on this machine"
    try:
        document = json.loads(read_bytes(path))
        there = document["environment"]
        differing = [
            f"{key} was {there[key]}, is {here[key]}"
            for key in COMPARABLE
            if there[key] != here[key]
        ]
        cases = {}
        for case in document["cases"]:
            row = next(row for row in case["rows"] if row["peer"] == SUBJECT)
            if row["seconds"] is not None and case["noise"] is not None:
                cases[case["key"]] = Measured(Interval(**row["seconds"]), case["noise"])
        baseline = Baseline(document["limits"]["fma_gflops"], cases)
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise InputError(
            path, f"is no result of `cnnkit bench --json` ({error!r})", remedy
        ) from error
    if differing:
        raise InputError(path, f"is not comparable: {'; '.join(differing)}", remedy)
    return baseline


def compare(results: Results, baseline: Baseline) -> list[Change]:
    """Judge every case that both runs timed.

    The runs are not paired: the interval of the ratio is the widest that the two intervals allow.
    To the noise floors of both runs add what two processes differ by, and what the machine itself
    has changed by: a clock that was lowered is no change of the code.

    Raises:
        InputError: no case is in both.
    """
    peaks = sorted((baseline.fma_gflops, results.limits.fma_gflops))
    machine = (1.0 + BETWEEN_PROCESSES) * peaks[1] / peaks[0]
    changes = []
    for case in results.cases:
        before, now = baseline.cases.get(case.key), case.subject.seconds
        if before is None or now is None or case.noise is None:
            continue
        old = before.seconds
        speedup = Interval(old.median / now.median, old.low / now.high, old.high / now.low)
        noise = (1.0 + before.noise) * (1.0 + case.noise) * machine - 1.0
        changes.append(Change(case.key, old, now, speedup, noise, verdict(speedup, noise)))
    if not changes:
        raise InputError(
            "--compare",
            f"the baseline has {', '.join(baseline.cases) or 'nothing'}, none of it measured now",
            "run the suites and batch sizes of the baseline",
        )
    return changes


def regressions(changes: list[Change]) -> list[str]:
    """Return the cases that have become slower beyond the noise."""
    return [change.case for change in changes if change.verdict == "slower"]


def change_table(changes: list[Change]) -> Table:
    """Return the comparison for a rich console."""
    table = Table(
        title="Against the baseline", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    table.add_column("case", no_wrap=True)
    for title in ("µs/image before", "now", "speed-up", "noise"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("now is", no_wrap=True)
    for change in changes:
        table.add_row(
            change.case,
            f"{change.before.median * 1e6:.3f}",
            f"{change.now.median * 1e6:.3f}",
            f"{change.speedup.median:.3f}x",
            f"{change.noise:.1%}",
            Text(change.verdict, style=STYLES[change.verdict]),
        )
    return table
