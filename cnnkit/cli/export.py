"""`cnnkit export --format onnx [MODEL] -o FILE`: write an artefact and verify it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnkit.cli.options import (
    MODEL_HELP,
    DataOption,
    DatasetOption,
    ImageSizeOption,
    JsonOption,
    MaxDropOption,
    NamesOption,
    NearTiesOption,
    ParametersOption,
    PreprocessOption,
    QuietOption,
    file_option,
)
from cnnkit.cli.output import emit_json, on_all, stderr, stdout
from cnnkit.formats.options import MAX_ACCURACY_DROP
from cnnkit.formats.registry import FORMATS
from cnnkit.system.terminal import working

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.graph.weights import Weights

LARGE = 10_000_000  # parameters that somebody may wait for, and that fill a memory
C_TEXT, PROOF_MEMORY = 11.7, 111  # bytes for each, as measured with AlexNet


def export(
    model: Annotated[str | None, typer.Argument(help=MODEL_HELP)] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="; ".join(f"{form.name}: {form.description}" for form in FORMATS.values()) + ".",
        ),
    ] = "onnx",
    output: Annotated[
        Path | None,
        file_option(
            "--output", "-o", help="Default: named after data and format (mnist.onnx, signs.c)."
        ),
    ] = None,
    dataset: DatasetOption = None,
    data: DataOption = None,
    input: Annotated[
        str,
        typer.Option(
            help="uint8: raw pixels, scaled by the model; uint8-nhwc: with the channels last, "
            "[N, H, W, C], as cameras have them (onnx, torchscript, pt2); float32: in [0, 1]."
        ),
    ] = "uint8",
    opset: Annotated[
        int | None, typer.Option(help="ONNX opset; the IR version is the lowest that it allows.")
    ] = None,
    max_drop: MaxDropOption = MAX_ACCURACY_DROP,
    ram: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="c, c-int8: refuse a model that needs more memory during a call, such as 64KB.",
        ),
    ] = None,
    flash: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="c, c-int8: refuse a model with more bytes of constants, such as 256KB.",
        ),
    ] = None,
    ranges: Annotated[
        str,
        typer.Option(
            help="8-bit formats: how the ranges of values are found; best tries min-max, "
            "percentile, mse and entropy, and takes the one of the highest accuracy."
        ),
    ] = "best",
    keep_float: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYER", help="onnx-int8: leave this layer in float; may be given repeatedly."
        ),
    ] = None,
    parameters: ParametersOption = None,
    preprocess: PreprocessOption = None,
    names: NamesOption = None,
    size: ImageSizeOption = None,
    allow_near_ties: NearTiesOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Export a network to another format, and keep the file only if it passes verification.

    The network is a run of `cnnkit train`, or any classifier of images. The file is loaded by its
    own runtime in a fresh process and must predict the network's class for every test image of
    --data; for every picture, if they have no labels; without data, for random images. Otherwise
    nothing is kept and the exit code is 1.
    """
    from cnnkit.cli.models import read
    from cnnkit.cli.verify import show, show_unchecked
    from cnnkit.evaluation.proof import with_names
    from cnnkit.export.models import reference_for
    from cnnkit.export.pipeline import export
    from cnnkit.formats.description import dataset_name
    from cnnkit.formats.options import Options, read_size
    from cnnkit.formats.registry import find_format
    from cnnkit.system.files import read_bytes, sha256

    form, sizes = find_format(format), (read_size("--ram", ram), read_size("--flash", flash))
    messages = stderr(quiet or json)
    said = (parameters, preprocess, names, size)
    network, test = read(model, *said, dataset, data, messages, form.name)
    weights = with_names(network.weights, test)
    target = output or Path(f"{_stem(dataset_name(weights), test)}{form.suffix}")
    messages.print(
        f"{network.source} → {target}: writing, then verifying on {on_all(test.kind)}",
        soft_wrap=True,
    )
    if form.name == "c" and (cost := _cost_as_c(weights)):
        messages.print(f"{target}: {cost}", soft_wrap=True)
    kept = tuple(keep_float or ())
    options = Options(test, input, opset, max_drop, *sizes, ranges, kept)
    exact = reference_for(network, test)
    with working(messages, f"{format}: writing and verifying"):
        report = export(weights, format, target, options, allow_near_ties, network.checks, exact)
    content = read_bytes(target)
    card = f"{target}.md"
    facts = {"bytes": len(content), "sha256": sha256(content), "weights": network.source}
    facts["card"] = card
    if json:
        emit_json("export", {**facts, **report.to_json()})
        return
    show(report, stdout())
    show_unchecked([report], messages)
    console = stdout()
    console.print(f"SHA-256 {facts['sha256']}")
    done = f"{target} ({len(content):,} bytes) passed verification; {card} describes it"
    console.print(done, soft_wrap=True)


def _cost_as_c(weights: Weights) -> str:
    """Return what a network above LARGE parameters takes as C; nothing for the others."""
    count = sum(tensor.size for tensor in weights.graph.tensors.values())
    if count < LARGE:
        return ""
    text, memory = count * C_TEXT / 1e6, count * PROOF_MEMORY / 1e9
    return (
        f"{count:,} parameters become about {text:,.0f} MB of C, which take about {memory:.1f} GB "
        f"of memory to write and to prove; ONNX takes {4 * count / 1e6:,.0f} MB"
    )


def _stem(stated: str | None, data: Dataset) -> str:
    """Return what a file is called: a name that the model states never becomes a path."""
    from cnnkit.data.registry import DATASETS, OWN

    if stated != OWN:
        return stated if stated in DATASETS else "net"
    return data.short_name if data.short_name.isascii() else OWN  # of C, letters beyond are refused
