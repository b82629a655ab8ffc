"""Train, judge, write: `reproduce(ReproduceConfig())`.

The same call after an interruption does what is left: finished trainings are taken as they are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import FORMAT_VERSION
from cnnkit.reproduce.findings import Findings
from cnnkit.reproduce.model_selection import choose
from cnnkit.reproduce.paper_claims import judge
from cnnkit.reproduce.plan import ReproduceConfig, published_runs, validation_runs
from cnnkit.reproduce.sample import Run
from cnnkit.runs.folder import MANIFEST_FILE
from cnnkit.runs.state import read_state
from cnnkit.system.files import read_bytes, write_text
from cnnkit.train.engines.base import require_packages
from cnnkit.train.jobs.pool import Outcome, run_jobs


def reproduce(config: ReproduceConfig, console: Console | None = None) -> Findings:
    """Train what is not trained yet, judge it, and write figures and reports.

    Args:
        config: all choices.
        console: where to show progress; None shows nothing.

    Raises:
        InputError: a bad choice, bad data, or a folder that holds something else.
        MissingError: a package is not here.
        NetworkError: the data cannot be fetched.
        StorageError: the folder cannot be written.
        TrainingInterruptedError: SIGINT or SIGTERM came; complete epochs are kept.
    """
    config.check()
    require_packages(config.engine)
    from cnnkit.reproduce.report.sections import write_reports  # it needs Matplotlib

    _check_folder(config.folder)
    plan = published_runs(config)
    outcomes = run_jobs([*plan, *validation_runs(config)], console)
    published, validation = outcomes[: len(plan)], outcomes[len(plan) :]
    runs = [Run.read(outcome) for outcome in published]
    found = Findings(
        config=config,
        claims=judge(runs),
        runs=runs,
        choice=choose([Run.read(outcome) for outcome in validation]),
        machine=read_state(published[-1].folder).sessions[-1],
        seconds={"published": _seconds(published), "validation": _seconds(validation)},
    )
    write_reports(found)
    document = {"format_version": FORMAT_VERSION, **found.to_json()}
    write_text(config.folder / "report.json", json.dumps(document, indent=2) + "\n")
    return found


def _seconds(outcomes: Sequence[Outcome]) -> float | None:
    """Return how long at least one run was under way; None if one of them was interrupted."""
    spans = []
    for outcome in outcomes:
        sessions = read_state(outcome.folder).sessions
        manifest = json.loads(read_bytes(outcome.folder / MANIFEST_FILE))
        if len(sessions) > 1:
            return None
        times = (sessions[0]["started"], manifest["written"])
        spans.append([datetime.fromisoformat(time).timestamp() for time in times])
    total, reached = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(end, reached)
    return total


def _check_folder(folder: Path) -> None:
    """Raise InputError for a folder that holds anything but a reproduction."""
    known = (folder / "runs" / "published").is_dir()
    if folder.exists() and not known and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(folder, "is not an empty folder", "choose another --output")
