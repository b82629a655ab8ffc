"""`cnnkit verify FILE...`: verify that an artefact equals the network it was exported from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cnnkit.cli.options import (
    DataOption,
    DatasetOption,
    JsonOption,
    MaxDropOption,
    NearTiesOption,
    QuietOption,
    file_argument,
    file_option,
)
from cnnkit.cli.output import emit_json, stderr, stdout
from cnnkit.errors import VerdictError
from cnnkit.formats.options import MAX_ACCURACY_DROP
from cnnkit.system.terminal import line

if TYPE_CHECKING:
    from rich.console import Console

    from cnnkit.verify.comparison import Agreement
    from cnnkit.verify.report import Report


def verify(
    files: Annotated[list[Path], file_argument(help="Exported files, weights files or runs.")],
    weights: Annotated[
        Path | None,
        file_option(help="Weights to compare with; default: the run they were exported from."),
    ] = None,
    dataset: DatasetOption = None,
    data: DataOption = None,
    allow_near_ties: NearTiesOption = False,
    max_drop: MaxDropOption = MAX_ACCURACY_DROP,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare artefacts with their weights on all test images, each in its own runtime.

    Exits with 1 if an artefact differs from the network: another predicted class for any image,
    logits that differ by more than rounding, other weights or metadata, inconsistent outputs.
    The whole graph or code is compared as well, because outputs for test images cannot show what
    other images would trigger.
    """
    from cnnkit.evaluation.dataset import load_dataset_of
    from cnnkit.formats.detect import read_network
    from cnnkit.runs.find import find_weights
    from cnnkit.verify.run import verify

    network = read_network(find_weights(weights)) if weights else None
    test = load_dataset_of(files, dataset, data, quiet or json, weights)
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


def show(report: Report, console: Console) -> None:
    """Print a report: one line per check, then the accuracies and every disagreement."""
    verdict = ("verified", "green") if report.passed else ("NOT verified", "red")
    console.print(line(f"{report.path}: ", verdict), soft_wrap=True)
    console.print(f"  {report.runtime} against {report.reference}", soft_wrap=True)
    for check in report.checks:
        mark = ("✓", "green") if check.passed else ("✗", "red")
        console.print(line("  ", mark, f" {check.claim}: {check.found}"), soft_wrap=True)
    for batch, times in report.notes.get("speed", {}).items():
        figures = ", ".join(f"{name} {time}" for name, time in times.items())
        console.print(f"  µs per image, {batch}: {figures}", soft_wrap=True)
    if report.agreement:
        show_agreement(report.agreement, report.batches, console)


def show_agreement(agreement: Agreement, batches: tuple[int, ...], console: Console) -> None:
    """Print accuracies, batch sizes and every disagreement."""
    low, high = agreement.difference_interval
    console.print(
        f"  accuracy {agreement.accuracy:.2%}, reference {agreement.reference_accuracy:.2%} "
        f"(exact McNemar p = {agreement.mcnemar_p:.3g}; with 95 % confidence the difference is "
        f"between {low:+.3%} and {high:+.3%}); {agreement.images:,} test images "
        f"in batches of {', '.join(map(str, batches))}",
        soft_wrap=True,
    )
    for case in agreement.disagreements[:20]:
        kind = "near tie" if case.near_tie else "real"
        console.print(
            f"  image {case.image}: {case.answer} instead of {case.reference} "
            f"(true class {case.truth}; the reference's margin is {case.margin:.3g}: {kind})",
            soft_wrap=True,
        )
    if len(agreement.disagreements) > 20:
        console.print(f"  … and {len(agreement.disagreements) - 20} more; --json lists all")


def show_unchecked(reports: Sequence[Report], console: Console) -> None:
    """Print what a verification does not cover."""
    lines = dict.fromkeys(line for report in reports for line in report.unchecked)
    console.print("Not checked: " + "; ".join(lines) + ".", soft_wrap=True)
