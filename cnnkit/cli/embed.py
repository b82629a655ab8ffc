"""`cnnkit embed --format onnx --host node -o DIR [MODEL]`: embed a network in a host app."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cnnkit.cli.options import (
    MODEL_HELP,
    DataOption,
    DatasetOption,
    ImageSizeOption,
    JsonOption,
    NamesOption,
    ParametersOption,
    PreprocessOption,
    QuietOption,
    file_option,
)
from cnnkit.cli.output import emit_json, on_all, stderr, stdout
from cnnkit.system.terminal import working


def embed(
    host: Annotated[
        str,
        typer.Option(
            help="The host app. onnx: node, web, python, cpp-onnxruntime, cpp-opencv; "
            "c and c-int8: c, cpp, cortex-m, npm, wasm; torchscript: cpp."
        ),
    ],
    output: Annotated[
        Path, file_option("--output", "-o", metavar="DIR", help="A new or empty folder.")
    ],
    model: Annotated[str | None, typer.Argument(help=MODEL_HELP)] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Format of the file that the host app reads; default: that of MODEL if it is a "
            "file of c, c-int8, onnx or torchscript, else onnx; an ONNX file in 8 bits goes into "
            "host apps in C as c-int8.",
        ),
    ] = None,
    dataset: DatasetOption = None,
    data: DataOption = None,
    parameters: ParametersOption = None,
    preprocess: PreprocessOption = None,
    names: NamesOption = None,
    size: ImageSizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Copy a ready-to-build host app into DIR, with your network, its class names and a check.

    The artefact is first verified on all test images, as `cnnkit export` does it. DIR/check.sh
    builds the host app and compares its predictions for 1,000 test images with your network's.
    """
    from cnnkit.cli.models import read
    from cnnkit.evaluation.proof import with_names
    from cnnkit.hosts.embedding import CHECK_FOLDER, STEM, embed, find_host, format_of_model

    messages = stderr(quiet or json)
    if "/" in host:  # as host apps are called in the documentation: onnx/web
        stated, host = host.split("/", 1)
        format = format or stated
    format = format or format_of_model(model, host)
    find_host(format, host)  # for its error, before anything is read
    said = (parameters, preprocess, names, size)
    network, test = read(model, *said, dataset, data, messages, format)
    messages.print(
        f"{network.source} → {output}: verifying on {on_all(test.kind)} first", soft_wrap=True
    )
    weights = with_names(network.weights, test)
    with working(messages, f"{format}: writing and verifying"):
        report = embed(weights, format, host, output, test, network.checks)
    if json:
        emit_json("embed", {"folder": str(output), "host": host, **report.to_json()})
        return
    console = stdout()
    console.print(
        f"{output} holds the host app {format}/{host} with your network, there called {STEM}",
        soft_wrap=True,
    )
    console.print(f"read   {output / 'README.md'}", soft_wrap=True)
    check = shlex.join(
        [f"PYTHON={sys.executable}", *map(str, (output / "check.sh", output / CHECK_FOLDER))]
    )
    console.print(f"check  env {check}", soft_wrap=True, no_wrap=True)
