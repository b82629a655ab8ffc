"""`cnnkit verify FILE...`: verify that an artefact equals the network it was exported from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnkit.cli.options import (
    DataOption,
    DatasetOption,
    ImageSizeOption,
    JsonOption,
    MaxDropOption,
    NamesOption,
    NearTiesOption,
    PreprocessOption,
    QuietOption,
    file_option,
)
from cnnkit.cli.output import emit_json, in_columns, on_all, stderr, stdout
from cnnkit.errors import InputError, VerdictError
from cnnkit.formats.options import MAX_ACCURACY_DROP
from cnnkit.system.terminal import line, working

if TYPE_CHECKING:
    from rich.console import Console

    from cnnkit.formats.base import Check
    from cnnkit.verify.comparison import Agreement
    from cnnkit.verify.pair import Comparison
    from cnnkit.verify.report import Report


def verify(
    files: Annotated[
        list[str],
        typer.Argument(help="Exported files, weights files or runs; with --against any model."),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Compare with any other model instead: a run, an ONNX file, a torch.export "
            "program, TorchScript or C of cnnkit's, package.module:factory, torchvision:NAME or "
            "timm:NAME. Each gets the same pictures, prepared as it states.",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        file_option(
            help="Weights to compare with; default: the run they were exported from. With "
            "--against a module's parameters."
        ),
    ] = None,
    dataset: DatasetOption = None,
    data: DataOption = None,
    allow_near_ties: NearTiesOption = False,
    max_drop: MaxDropOption = MAX_ACCURACY_DROP,
    preprocess: PreprocessOption = None,
    names: NamesOption = None,
    size: ImageSizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare artefacts with their weights on all test images, each in its own runtime.

    Exits with 1 if an artefact differs from the network: another predicted class for any image,
    logits that differ by more than rounding, other weights or metadata, inconsistent outputs.
    The whole graph or code is compared as well, because outputs for test images cannot show what
    other images would trigger. If logits are too far off, it says in which layer that begins, and
    whether a usual mistake explains it. With --against, any model is compared with any other one.
    """
    if against is not None:
        said = (weights, preprocess, names, size)
        compare_models(files, against, said, dataset, data, allow_near_ties, json, quiet)
        return
    for option, value in (("--preprocess", preprocess), ("--names", names), ("--size", size)):
        if value is not None:
            raise InputError(option, "is for models of others, with --against", "leave it out")
    paths = [Path(file) for file in files]
    verify_files(paths, weights, dataset, data, allow_near_ties, max_drop, json, quiet)


def verify_files(
    files: list[Path],
    weights: Path | None,
    dataset: str | None,
    data: Path | None,
    allow_near_ties: bool,
    max_drop: float,
    json: bool,
    quiet: bool,
) -> None:
    """Verify artefacts of the weights that they were made from."""
    from cnnkit.evaluation.dataset import load_dataset_of, tells_data
    from cnnkit.evaluation.proof import is_unlabelled, proof_data
    from cnnkit.formats.detect import read_network
    from cnnkit.runs.find import find_weights
    from cnnkit.verify.run import verify
    from cnnkit.verify.sides import open_side

    network = read_network(find_weights(weights)) if weights else None
    unnamed = data is None and dataset is None
    if is_unlabelled(data) if data else unnamed and not any(map(tells_data, files)):
        test = proof_data(open_side(files[0]).network, None, data, quiet or json)
    else:
        test = load_dataset_of(files, dataset, data, quiet or json, weights)
    with working(stderr(quiet or json), f"verifying {len(files)} on {on_all(test.kind)}"):
        reports = verify(files, network, test, allow_near_ties, max_drop)
    if json:
        passed = all(report.passed for report in reports)
        artefacts = [report.to_json() for report in reports]
        emit_json("verify", {"passed": passed, "dataset": test.name, "artefacts": artefacts})
    else:
        for report in reports:
            show(report, stdout())
        show_unchecked(reports, stderr(quiet))
    failed = [str(report.path) for report in reports if not report.passed]
    if failed:
        raise VerdictError(", ".join(failed), "differs from the network", "export it again")


def compare_models(
    models: list[str],
    other: str,
    said: tuple[Path | None, str | None, Path | None, str | None],
    dataset: str | None,
    data: Path | None,
    allow_near_ties: bool,
    json: bool,
    quiet: bool,
) -> None:
    """Compare models with another one, the reference."""
    from cnnkit.cli.pairs import compare
    from cnnkit.models.said import Said, parse_image_size

    parameters, preprocess, names, size = said
    stated = Said(parameters, preprocess, names, parse_image_size(size) if size else None)
    found = [
        compare(model, other, stated, dataset, data, allow_near_ties, quiet or json)
        for model in models
    ]
    passed = all(comparison.passed for comparison in found)
    if json:
        comparisons = [comparison.to_json() for comparison in found]
        emit_json("verify", {"passed": passed, "comparisons": comparisons})
    else:
        for comparison in found:
            show_comparison(comparison, stdout())
        if any(comparison.unchecked for comparison in found):
            show_unchecked(found, stderr(quiet))
    if not passed:
        failed = [comparison.model for comparison in found if not comparison.passed]
        reason = f"differs from {other}"
        raise VerdictError(", ".join(failed), reason, "correct it, or compare other models")


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Print how two models agree, and why they do not."""
    verdict = ("the same", "green") if comparison.passed else ("NOT the same", "red")
    agreement = comparison.agreement
    console.print(line(f"{comparison.model} and {comparison.against}: ", verdict), soft_wrap=True)
    reference = f"{comparison.runtime} against {comparison.reference}"
    console.print(f"  {reference}, on {agreement.images:,} {comparison.data}", soft_wrap=True)
    show_checks(comparison.checks, comparison.explanation, console)
    console.print(f"  the largest error is on image {comparison.worst}", soft_wrap=True)
    show_disagreements(agreement, comparison.data, console)


def show_checks(checks: Sequence[Check], explanation: Sequence[str], console: Console) -> None:
    """Print one line per check, then why one fails."""
    for check in checks:
        mark = ("✓", "green") if check.passed else ("✗", "red")
        console.print(line("  ", mark, f" {check.claim}: {check.found}"), soft_wrap=True)
    for sentence in explanation:
        console.print(line("  ", ("→", "red"), f" {sentence}"), soft_wrap=True)


def show(report: Report, console: Console) -> None:
    """Print a report: one line per check, then the accuracies and every disagreement."""
    from cnnkit.formats.registry import TABLE

    verdict = ("verified", "green") if report.passed else ("NOT verified", "red")
    console.print(line(f"{report.path}: ", verdict), soft_wrap=True)
    console.print(f"  {report.runtime} against {report.reference}", soft_wrap=True)
    show_checks(report.checks, report.explanation, console)
    if report.notes.get("weakest"):
        names = ", ".join(report.notes["weakest"])
        ranges = report.notes["ranges"]
        console.print(line(f"  ranges by {ranges}; most noise is added by {names}"), soft_wrap=True)
    if "precisions" in report.notes:
        show_precisions(report.notes["precisions"], console, "  ")
    for batch, times in report.notes.get("speed", {}).items():
        figures = ", ".join(f"{name} {time}" for name, time in times.items())
        console.print(f"  µs an image in ONNX Runtime, {batch}: {figures}", soft_wrap=True)
    if report.agreement:
        rounded = TABLE[report.format].quantised
        show_agreement(report.agreement, report.batches, report.data, console, rounded)


def show_precisions(rows: Mapping[str, Any], console: Console, indent: str = "") -> None:
    """Print a network in float32 and in 8 bits side by side."""
    from cnnkit.evaluation.precisions import engines_of, table_of

    for text in in_columns(table_of(rows), "l" + "r" * len(rows)):
        console.print(indent + text, markup=False, soft_wrap=True)
    console.print(f"{indent}the engine computes with {engines_of(rows)}", soft_wrap=True)


def show_agreement(
    agreement: Agreement,
    batches: tuple[int, ...],
    data: str,
    console: Console,
    rounded: bool = False,
) -> None:
    """Print accuracies, where labels are known, batch sizes and every disagreement."""
    from cnnkit.verify.comparison import agreement_text

    console.print(f"  {agreement_text(agreement, batches, data)}", soft_wrap=True)
    show_disagreements(agreement, data, console, rounded)


def show_disagreements(
    agreement: Agreement, data: str, console: Console, rounded: bool = False
) -> None:
    """Print the images with another label; `rounded` if the file has 8 bits."""
    from cnnkit.data.dataset import LABELLED

    for case in agreement.disagreements[:20]:
        wide = "8 bits can move it" if rounded else "real"
        kind = "near tie" if case.near_tie else wide
        truth = f"true class {case.truth}; " if data == LABELLED else ""
        console.print(
            f"  image {case.image}: {case.answer} instead of {case.reference} "
            f"({truth}the reference's margin is {case.margin:.3g}: {kind})",
            soft_wrap=True,
        )
    if len(agreement.disagreements) > 20:
        console.print(f"  … and {len(agreement.disagreements) - 20} more; --json lists all")


def show_unchecked(reports: Sequence[Report | Comparison], console: Console) -> None:
    """Print what a verification does not cover."""
    lines = dict.fromkeys(line for report in reports for line in report.unchecked)
    console.print("Not checked: " + "; ".join(lines) + ".", soft_wrap=True)
