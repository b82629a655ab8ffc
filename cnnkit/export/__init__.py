"""Trained weights as an artefact that proved itself: `export(weights, "onnx", path, options)`.

A format is a module here that writes it, a row in `FORMATS`, a row in `cnnkit.runtimes.LOADERS`
that runs it, and a folder `export/<format>/` of hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cnnkit.checkpoint import Weights
from cnnkit.errors import InputError, VerdictError
from cnnkit.export.onnx import write_onnx
from cnnkit.export.options import Options
from cnnkit.export.torchscript import write_torchscript
from cnnkit.files import replacing_together

if TYPE_CHECKING:
    from cnnkit.verdict import Report


@dataclass(frozen=True)
class Format:
    """One row of the table of formats.

    Attributes:
        write: returns the content of every file of the artefact by its suffix, the main file first.
        suffix: the main file's.
        description: one line of help.
    """

    write: Callable[[Weights, Options], Mapping[str, bytes]]
    suffix: str
    description: str


FORMATS: dict[str, Format] = {
    "onnx": Format(write_onnx, ".onnx", "ONNX, opset 17, IR 8, for ONNX Runtime, OpenCV, browsers"),
    "torchscript": Format(
        write_torchscript,
        ".pt",
        "TorchScript, for libtorch (PyTorch deprecated it in 2.10; it works)",
    ),
}


def find_format(name: str) -> Format:
    """Return a row of the table.

    Raises:
        InputError: there is no format of this name.
    """
    if name not in FORMATS:
        raise InputError(
            f"--format {name}", "is unknown", f"choose one of {', '.join(sorted(FORMATS))}"
        )
    return FORMATS[name]


def export(
    weights: Weights, name: str, path: Path, options: Options, allow_near_ties: bool = False
) -> Report:
    """Write an artefact, prove it on all test images in its own runtime, and only then keep it.

    Args:
        weights: the network.
        name: the format.
        path: where the main file goes, with the others beside it under the same stem; what was
            there stays if the proof fails.
        options: the data to agree on, and what a person chose.
        allow_near_ties: as `cnnkit.verify.verify` has it.

    Raises:
        InputError: the format is unknown, `path` is a folder, or the data does not fit the network.
        VerdictError: the artefact is not the network; nothing was kept.
        MissingError: a package that the format needs is not installed.
        StorageError: `path` cannot be written.
    """
    # It needs the runtimes, which need this package's contract.
    from cnnkit.verify import check_fit, verify

    form = find_format(name)
    if path.is_dir():
        raise InputError(
            path, "is a folder", f"name a file in it, such as {path / ('net' + form.suffix)}"
        )
    check_fit(weights, options.dataset)
    files = form.write(weights, replace(options, stem=path.stem))
    with replacing_together(path) as beside:
        for suffix, content in files.items():
            name = path.name if suffix == form.suffix else path.stem + suffix
            (beside / name).write_bytes(content)
        main = beside / path.name
        report = replace(verify([main], weights, options.dataset, allow_near_ties)[0], path=path)
        if not report.passed:
            raise VerdictError(path, f"was not kept: {_reason(report)}", _remedy(report))
    return report


def _reason(report: Report) -> str:
    return "; ".join(
        f"it fails the claim that {check.claim} ({check.found})"
        for check in report.checks
        if not check.passed
    )


def _remedy(report: Report) -> str:
    failed = [check for check in report.checks if not check.passed]
    cases = report.agreement.disagreements if report.agreement else ()
    if len(failed) == 1 and cases and all(case.near_tie for case in cases):
        return "rounding decides between two labels there: --allow-near-ties keeps such a file"
    return "this should not happen: please report it with the versions that `cnnkit doctor` prints"
