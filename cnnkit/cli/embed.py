"""`cnnkit embed --format onnx --host node -o DIR [WEIGHTS]`: embed a network in a host app."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnkit.cli.options import (
    DataOption,
    DatasetOption,
    JsonOption,
    QuietOption,
    file_argument,
    file_option,
)
from cnnkit.cli.output import emit_json, stderr, stdout


def embed(
    host: Annotated[
        str, typer.Option(help="The host app: a folder under export/FORMAT, such as node.")
    ],
    output: Annotated[
        Path, file_option("--output", "-o", metavar="DIR", help="A new or empty folder.")
    ],
    weights: Annotated[
        Path | None,
        file_argument(help="A weights file or a run folder; the newest run by default."),
    ] = None,
    format: Annotated[
        str, typer.Option("--format", help="Format of the file that the host app reads.")
    ] = "onnx",
    dataset: DatasetOption = None,
    data: DataOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Copy a ready-to-build host app into DIR, with your network, its class names and a check.

    The artefact is first verified on all test images. DIR/check.sh builds the host app and compares
    its predictions for 1,000 test images with your network's. An unknown --host lists all of them.
    """
    from cnnkit.evaluation.dataset import load_dataset_of
    from cnnkit.formats.detect import read_network
    from cnnkit.hosts.embedding import CHECK_FOLDER, embed
    from cnnkit.runs.find import find_weights

    source = find_weights(weights)
    test = load_dataset_of([source], dataset, data, quiet or json)
    stderr(quiet or json).print(f"{source} → {output}: verifying on all test images first")
    report = embed(read_network(source), format, host, output, test)
    if json:
        emit_json("embed", {"folder": str(output), "host": host, **report.to_json()})
        return
    console = stdout()
    console.print(f"{output} holds the host app {format}/{host} with your network", soft_wrap=True)
    console.print(f"read   {output / 'README.md'}", soft_wrap=True)
    check = shlex.join(
        [f"PYTHON={sys.executable}", *map(str, (output / "check.sh", output / CHECK_FOLDER))]
    )
    console.print(f"check  env {check}", soft_wrap=True)
