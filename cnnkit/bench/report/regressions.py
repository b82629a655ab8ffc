"""Comparison with an earlier run: `changes_since(read_baseline(path, describe(1)), results)`.

Only cnnkit's own rows are compared, because peers change with their versions.
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
from cnnkit.bench.measure.statistics import Comparison, Interval, compare_speed
from cnnkit.bench.peers.registry import SUBJECT
from cnnkit.bench.report.results import Results
from cnnkit.bench.report.tables import STYLES
from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

# How much the same code may differ between two processes: its memory lies elsewhere, and the
# machine has other work. Most runs of the reference blocks are within 2 % of each other.
BETWEEN_PROCESSES = 0.05


@dataclass(frozen=True)
class Measured:
    """cnnkit's time on a case of the baseline, seconds per image, and the case's noise floor."""

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
        noise: that of both runs, and between them.
        verdict: whether this run is faster or slower than the baseline.
    """

    case: str
    before: Interval
    now: Interval
    speedup: Interval
    noise: float
    verdict: Comparison

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        intervals = {k: v._asdict() for k, v in vars(self).items() if isinstance(v, Interval)}
        return {**asdict(self), **intervals}


def read_baseline(path: Path, here: Mapping[str, Any]) -> Baseline:
    """Read a document that `cnnkit bench --json` printed, in this version or an earlier one.

    Args:
        path: the document.
        here: what `describe` returns in this run; the values of `COMPARABLE` must be equal.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not such a document, or from another machine, instruction set or number of
            threads.
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
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError) as error:
        raise InputError(
            path, f"is not a result of `cnnkit bench --json` ({error!r})", remedy
        ) from error
    if differing:
        raise InputError(path, f"is not comparable: {'; '.join(differing)}", remedy)
    return baseline


def changes_since(baseline: Baseline, results: Results) -> list[Change]:
    """Compare every case that both runs timed.

    The runs are not paired, so the interval of the ratio is the widest that both intervals allow.
    The noise floors of both runs, the differences between any two processes and the change of the
    machine's own peak add up: a lower clock rate is not a change of the code.

    Raises:
        InputError: the runs have no case in common.
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
        changes.append(Change(case.key, old, now, speedup, noise, compare_speed(speedup, noise)))
    if not changes:
        raise InputError(
            "--compare",
            f"has none of this run's cases, only {', '.join(baseline.cases) or 'none at all'}",
            "run the suites and batch sizes of the baseline",
        )
    return changes


def slower_cases(changes: list[Change]) -> list[str]:
    """Return the cases that became slower by more than the noise."""
    return [change.case for change in changes if change.verdict == "slower"]


def change_table(changes: list[Change]) -> Table:
    """Return the comparison as a table for a rich console."""
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
