"""Trained weights as an artefact that proved itself: `export(weights, "onnx", path, options)`.

A format is a module here that writes it, a row in `FORMATS`, a row in `cnnkit.runtimes.LOADERS`
that runs it, and a folder `export/<format>/` of hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.checkpoint import Weights
from cnnkit.errors import InputError, VerdictError
from cnnkit.export.c import write_c
from cnnkit.export.onnx import write_onnx
from cnnkit.export.onnx_fused import write_onnx_fused
from cnnkit.export.onnx_int8 import speed, write_onnx_int8
from cnnkit.export.options import Options
from cnnkit.export.pt2 import write_pt2
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
        choices: the options of the command line that it heeds.
        speed: times an artefact beside another format, for those that promise to be faster.
    """

    write: Callable[[Weights, Options], Mapping[str, bytes]]
    suffix: str
    description: str
    choices: frozenset[str] = frozenset({"--input"})
    speed: Callable[[Weights, Options, bytes], dict[str, Any]] | None = None


FORMATS: dict[str, Format] = {
    "c": Format(write_c, ".c", "C99, a source and its header, for firmware", frozenset()),
    "onnx": Format(
        write_onnx,
        ".onnx",
        "for ONNX Runtime, OpenCV, browsers, OpenVINO",
        frozenset({"--input", "--opset"}),
    ),
    "onnx-fused": Format(
        write_onnx_fused,
        ".fused.onnx",
        "ONNX with cnnkit's own operator, for ONNX Runtime with its library",
        frozenset({"--input", "--opset"}),
    ),
    "onnx-int8": Format(
        write_onnx_int8,
        ".int8.onnx",
        "ONNX with 8-bit weights and activations",
        frozenset({"--input", "--opset", "--max-drop"}),
        speed,
    ),
    "pt2": Format(write_pt2, ".pt2", "for torch.export.load"),
    "torchscript": Format(
        write_torchscript,
        ".pt",
        "for libtorch (deprecated by PyTorch; it works)",
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

    A model card, `path` with `.md` behind it, goes beside it.

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
    from cnnkit.export.card import card
    from cnnkit.verify import check_fit, verify

    form = find_format(name)
    if path.is_dir():
        raise InputError(
            path, "is a folder", f"name a file in it, such as {path / ('net' + form.suffix)}"
        )
    if options.changed - form.choices:
        raise InputError(
            ", ".join(sorted(options.changed - form.choices)),
            f"means nothing to the format {name}",
            "leave it out",
        )
    check_fit(weights, options.dataset)
    files = form.write(weights, replace(options, stem=path.stem))
    with replacing_together(path) as beside:
        named = {
            path.name if suffix == form.suffix else path.stem + suffix: content
            for suffix, content in files.items()
        }
        for file, content in named.items():
            (beside / file).write_bytes(content)
        main = beside / path.name
        try:
            (report,) = verify([main], weights, options.dataset, allow_near_ties)
        except InputError as error:  # its runtime does not even open it
            raise VerdictError(path, f"was not kept: it {error.reason}", error.remedy) from error
        if not report.passed:
            raise VerdictError(path, f"was not kept: {_reason(report)}", _remedy(report))
        notes = {"speed": form.speed(weights, options, named[path.name])} if form.speed else {}
        report = replace(report, path=path, notes={**report.notes, **notes})
        (beside / f"{path.name}.md").write_text(
            card(weights, report, named, options), encoding="utf-8"
        )
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
    if report.format == "onnx-int8" and len(failed) == 1:
        return "use the format onnx, or allow more with --max-drop"
    return "this should not happen: please report it with the versions that `cnnkit doctor` prints"
