"""`cnnkit runs`: list the runs, compare their settings, plot them together, remove them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from cnnkit.cli.examples import examples
from cnnkit.cli.options import JsonOption, file_argument, file_option
from cnnkit.cli.output import emit_json, stderr, stdout
from cnnkit.errors import InputError

if TYPE_CHECKING:
    from cnnkit.runs.overview import RunSummary

LOSS = "train_loss"
STYLES = {"finished": "green", "diverged": "red", "interrupted": "yellow", "training": "cyan"}
FOLDERS = "Run folders, such as runs/train/mnist-1."
Folders = Annotated[list[Path], file_argument(metavar="RUN…", help=FOLDERS)]

app = typer.Typer(invoke_without_command=True)


@app.callback()
def runs(context: typer.Context, json: JsonOption = False) -> None:
    """List the runs under runs/, the newest first; compare, plot or remove some of them."""
    if context.invoked_subcommand is not None:
        return
    from cnnkit.runs.find import RUNS
    from cnnkit.runs.overview import find_runs

    found = find_runs()
    if json:
        emit_json("runs", {"runs": [run.to_json() for run in found]})
    elif found:
        stdout().print(table(found))
    else:
        stdout().print(f"{RUNS} holds no run; `cnnkit train` makes one")


def table(found: list[RunSummary]) -> Table:
    """Return a row per run."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("run", overflow="fold")
    for title in ("status", "data"):
        shown.add_column(title, no_wrap=True)
    for title in ("epochs", "test", "written (UTC)"):
        shown.add_column(title, justify="right", no_wrap=True)
    for run in found:
        shown.add_row(
            Text(str(run.folder)),
            Text(run.status, style=STYLES.get(run.status, "")),
            Text(run.dataset),
            run.epochs,
            percent(run.accuracy),
            run.written[:16].replace("T", " "),
        )
    return shown


def percent(accuracy: float | None) -> str:
    """Return an accuracy as text."""
    return "-" if accuracy is None else f"{accuracy:.2%}"


@app.command(epilog=examples("runs compare"))
def compare(runs: Folders, json: JsonOption = False) -> None:
    """Compare runs: their results, and every setting in which they differ."""
    from cnnkit.runs.overview import compare_runs, read_run

    found = [read_run(folder) for folder in runs]
    differing = compare_runs(found)
    if json:
        emit_json("runs compare", {"runs": [run.to_json() for run in found], "differ": differing})
        return
    stdout().print(table(found))
    stdout().print()
    settings = Table(box=None, pad_edge=False)
    settings.add_column("setting", no_wrap=True)
    for run in found:
        settings.add_column(Text(run.folder.name), justify="right", overflow="fold")
    for name, values in differing.items():
        settings.add_row(name, *(Text("-" if v is None else str(v)) for v in values))
    if len(found) > 1:
        stdout().print(settings if differing else "all settings are the same")


@app.command(epilog=examples("runs plot"))
def plot(
    runs: Folders,
    output: Annotated[
        Path, file_option("--output", "-o", metavar="FILE", help="The picture, .png or .svg.")
    ] = Path("runs.png"),
    json: JsonOption = False,
) -> None:
    """Plot the losses and test accuracies of several runs together."""
    from cnnkit.errors import MissingError
    from cnnkit.runs.overview import read_history, read_run
    from cnnkit.system.packages import find_version

    if find_version("matplotlib") is None:
        raise MissingError.package("matplotlib", "drawing a picture")
    from cnnkit.plots import plot_runs

    histories = {str(read_run(folder).folder): read_history(folder) for folder in runs}
    empty = [name for name, rows in histories.items() if all(row.get(LOSS) is None for row in rows)]
    if empty:
        raise InputError(", ".join(empty), "has no complete epoch", "leave it out")
    plot_runs(histories, output)
    if json:
        emit_json("runs plot", {"runs": list(histories), "picture": str(output)})
    else:
        stdout().print(f"picture  {output}", soft_wrap=True)


@app.command(epilog=examples("runs remove"))
def remove(
    runs: Folders,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: JsonOption = False,
) -> None:
    """Remove runs with their weights, metrics and pictures; asks before it does."""
    from cnnkit.runs.overview import read_run, remove_run

    found = [read_run(folder) for folder in dict.fromkeys(runs)]
    if not yes and not confirmed(", ".join(str(run.folder) for run in found)):
        raise typer.Exit()
    for run in found:
        remove_run(run.folder)
        if not json:
            stdout().print(f"removed {run.folder}", soft_wrap=True)
    if json:
        emit_json("runs remove", {"removed": [str(run.folder) for run in found]})


def confirmed(names: str) -> bool:
    """Ask whether runs shall go; the question goes to stderr."""
    stderr().print(f"Remove {names} for good? [y/N]", end=" ")
    answer = sys.stdin.readline()
    if not answer:
        raise InputError("standard input", "gave no answer", "use --yes, or answer y")
    return answer.strip().lower() in ("y", "yes")
