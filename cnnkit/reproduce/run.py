"""Train, compare with the publication, write the report: `reproduce(ReproduceConfig())`.

Repeating the call after an interruption does the rest: finished trainings are not repeated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from cnnkit.data.load import load_dataset
from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import FORMAT_VERSION
from cnnkit.reproduce.findings import Findings
from cnnkit.reproduce.model_selection import select_learning_rate
from cnnkit.reproduce.paper_claims import evaluate_claims
from cnnkit.reproduce.plan import ReproduceConfig, published_runs, validation_runs
from cnnkit.reproduce.trained_run import TrainedRun
from cnnkit.runs.manifest import MANIFEST_FILE
from cnnkit.runs.state import read_state
from cnnkit.system.files import read_bytes, write_text
from cnnkit.train.engines.base import require_packages
from cnnkit.train.jobs.pool import Outcome, run_jobs

DATASET = "mnist"  # as published


def reproduce(config: ReproduceConfig, console: Console | None = None) -> Findings:
    """Train what is not trained yet, evaluate the claims, and write figures and reports.

    Args:
        config: all settings.
        console: where to show progress; None shows nothing.

    Raises:
        InputError: an invalid setting, data other than MNIST, or a folder that holds something
            else.
        MissingError: a package is not installed.
        NetworkError: the data cannot be downloaded.
        StorageError: the folder cannot be written.
        TrainingInterruptedError: SIGINT or SIGTERM was received; complete epochs are kept.
    """
    config.check()
    _check_data(config)
    require_packages(config.engine)
    from cnnkit.reproduce.report.sections import write_reports  # it needs Matplotlib

    _check_folder(config.folder)
    plan = published_runs(config)
    outcomes = run_jobs([*plan, *validation_runs(config)], console)
    published, validation = outcomes[: len(plan)], outcomes[len(plan) :]
    runs = [TrainedRun.read(outcome) for outcome in published]
    findings = Findings(
        config=config,
        claims=evaluate_claims(runs),
        runs=runs,
        selection=select_learning_rate([TrainedRun.read(outcome) for outcome in validation]),
        machine=read_state(published[-1].folder).sessions[-1],
        seconds={"published": _seconds(published), "validation": _seconds(validation)},
    )
    write_reports(findings)
    document = {"format_version": FORMAT_VERSION, **findings.to_json()}
    write_text(config.folder / "report.json", json.dumps(document, indent=2) + "\n")
    return findings


def _seconds(outcomes: Sequence[Outcome]) -> float | None:
    """Return for how long at least one run was active; None if a run was interrupted."""
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


def _check_data(config: ReproduceConfig) -> None:
    """Raise InputError for a folder with other data than the published experiments had."""
    if config.data is not None and load_dataset(folder=config.data).name != DATASET:
        raise InputError(
            config.data,
            "holds other images than MNIST, and the published numbers are of MNIST",
            "leave --data out, or train on these images with `cnnkit sweep`",
        )


def _check_folder(folder: Path) -> None:
    """Raise InputError for a folder that holds anything other than a reproduction."""
    known = (folder / "runs" / "published").is_dir()
    if folder.exists() and not known and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(folder, "is not an empty folder", "choose another --output")
