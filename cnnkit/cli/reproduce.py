"""`cnnkit reproduce`: repeat the published experiments and compare the results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnkit.cli.options import DataOption, JsonOption, QuietOption, file_option
from cnnkit.cli.output import emit_json, fail, stderr, stdout
from cnnkit.errors import EXIT_INTERRUPTED
from cnnkit.system.terminal import line

if TYPE_CHECKING:
    from cnnkit.reproduce.findings import Findings

STYLES = {"holds": "green", "holds in part": "yellow", "does not hold": "red"}


def reproduce(
    seeds: Annotated[int, typer.Option(help="Runs per learning rate, 3 or more.")] = 3,
    engine: Annotated[
        str, typer.Option(help="native, torch, or auto: native where possible.")
    ] = "auto",
    data: DataOption = None,
    output: Annotated[
        Path | None,
        file_option(
            "--output",
            "-o",
            metavar="DIR",
            show_default="runs/reproduce/mnist-<engine>",
            help="The report's folder; a reproduction in it is resumed.",
        ),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Repeat the published experiments with several seeds and evaluate every published claim.

    Trains in one process per core and writes report.html, report.md, report.json and figures. After
    an interruption, the same command continues. A claim that does not hold is a result, not an
    error: the exit code is 0.
    """
    from cnnkit.reproduce import run as reproduction
    from cnnkit.reproduce.plan import ReproduceConfig
    from cnnkit.train.loop import TrainingInterruptedError

    config = ReproduceConfig(seeds=seeds, engine=engine, data=data, output=output)
    try:
        findings = reproduction.reproduce(config, stderr(quiet))
    except TrainingInterruptedError as stop:
        fail(str(stop))
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if json:
        emit_json("reproduce", findings.to_json())
    else:
        show(findings)


def show(findings: Findings) -> None:
    """Print every verdict and the paths of the reports."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in ("published", "ours", "verdict"):
        table.add_column(title, overflow="fold")
    for claim in findings.claims:
        style = STYLES[claim.verdict]
        table.add_row(claim.claim, claim.ours, line((claim.verdict, style)))
    console, best = stdout(), findings.selection.best
    console.print(table)
    console.print(f"{len(findings.claims)} published statements: {findings.summary}")
    accuracy = best.test_accuracy.mean
    console.print(f"validation chooses learning rate {best.rate:g}: {accuracy:.2%} right")
    for path in findings.reports:
        console.print(f"report    {path}", soft_wrap=True)
