"""Trained weights as a verified artefact: `export(weights, "onnx", path, options)`.

What a format is stands in `cnnkit.formats.registry`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cnnkit.errors import InputError, VerdictError
from cnnkit.export.model_card import card
from cnnkit.formats.base import Check, Format
from cnnkit.formats.options import Options, check_drop
from cnnkit.formats.registry import find_format
from cnnkit.graph.weights import Weights
from cnnkit.system.files import replacing_together
from cnnkit.verify.report import Report
from cnnkit.verify.run import check_fit, verify


def export(
    weights: Weights,
    name: str,
    path: Path,
    options: Options,
    allow_near_ties: bool = False,
    before: Sequence[Check] = (),
) -> Report:
    """Write an artefact, prove it on all test images in its own runtime, and only then keep it.

    A model card, `path` with `.md` behind it, goes beside it.

    Args:
        weights: the network.
        name: the format.
        path: where the main file goes, with the others beside it under the same stem; what was
            there stays if the proof fails.
        options: the data to agree on, and what the user chose.
        allow_near_ties: as `cnnkit.verify.verify` has it.
        before: what was checked when the network was read, for the report.

    Raises:
        InputError: the format is unknown, `path` is a folder, or the data does not fit the network.
        VerdictError: the artefact is not the network; nothing was kept.
        MissingError: a package that the format needs is not installed.
        StorageError: `path` cannot be written.
    """
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
    check_drop(options.max_accuracy_drop)
    if options.input not in form.inputs:
        raise InputError(
            f"--input {options.input}",
            f"is not for the format {name}",
            f"use one of {', '.join(form.inputs)}",
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
            (report,) = verify(
                [main], weights, options.dataset, allow_near_ties, options.max_accuracy_drop, before
            )
        except InputError as error:  # its runtime does not even open it
            raise VerdictError(path, f"was not kept: it {error.reason}", error.remedy) from error
        if not report.passed:
            raise VerdictError(path, f"was not kept: {_reason(report)}", _remedy(report, form))
        notes = dict(report.notes)
        if form.compare_speed:
            notes["speed"] = form.compare_speed(weights, options, named[path.name])
        report = replace(report, path=path, notes=notes)
        (beside / f"{path.name}.md").write_text(
            card(weights, report, named, options), encoding="utf-8"
        )
    return report


def _reason(report: Report) -> str:
    failed = [
        f"it fails the check that {check.claim} ({check.found})"
        for check in report.checks
        if not check.passed
    ]
    return "; ".join([*failed, *report.explanation])


def _remedy(report: Report, form: Format) -> str:
    failed = [check for check in report.checks if not check.passed]
    cases = report.agreement.disagreements if report.agreement else ()
    if len(failed) == 1 and cases and all(case.near_tie for case in cases):
        return "rounding decides between two labels there: --allow-near-ties keeps such a file"
    if form.quantised and len(failed) == 1:
        return "use the format onnx, or allow more with --max-drop"
    return "this should not happen: please report it with the versions that `cnnkit doctor` prints"
