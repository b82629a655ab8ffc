"""Trained weights as a verified artefact: `export(weights, "onnx", path, options)`.

What a format is stands in `cnnkit.formats.registry`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cnnkit.data.dataset import LABELLED, Dataset
from cnnkit.errors import InputError, VerdictError
from cnnkit.evaluation.precisions import FLOAT, INT8, side_by_side
from cnnkit.export.model_card import card
from cnnkit.formats.base import Check, Format
from cnnkit.formats.contract import quantisation
from cnnkit.formats.detect import read_contract
from cnnkit.formats.options import Options, check_drop
from cnnkit.formats.registry import find_format
from cnnkit.graph.carried import refuse_carried
from cnnkit.graph.quantised.layers import weakest
from cnnkit.graph.weights import Weights
from cnnkit.system.files import replacing_together
from cnnkit.verify.reference import Reference, vectors_of
from cnnkit.verify.report import Report
from cnnkit.verify.run import check_fit, verify

# Of a model that goes into the file as it is.
CHANCE = (
    "look in the model for layers that compute by chance (dropout), or from the other images of a "
    "batch: no file of it can be proven"
)
# Of logits that are little but rounding, which differs from runtime to runtime.
ROUNDING = (
    "float32 leaves little but rounding of its logits: train it, or look for a layer that takes "
    "away what images differ in, such as a mean behind a normalisation of the same pixels"
)


def export(
    weights: Weights,
    name: str,
    path: Path,
    options: Options,
    allow_near_ties: bool = False,
    before: Sequence[Check] = (),
    reference: Reference | None = None,
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
        reference: of a network that cnnkit cannot compute, its logits for all test images.

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
            f"has no effect on the format {name}",
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
    if reference is None:
        refuse_carried(weights.graph, "the network")
    else:
        options = replace(options, golden=vectors_of(reference, options.dataset.test))
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
                [main],
                weights,
                options.dataset,
                allow_near_ties,
                options.max_accuracy_drop,
                before,
                reference,
            )
        except InputError as error:  # its runtime does not even open it
            raise VerdictError(path, f"was not kept: it {error.reason}", error.remedy) from error
        report = replace(report, notes={**report.notes, **_layers(main, form)})
        if not report.passed:
            remedy = CHANCE if reference is not None else _remedy(report, form)
            raise VerdictError(path, f"was not kept: {_reason(report)}", remedy)
        notes = dict(report.notes)
        if form.quantised:
            notes["precisions"] = _precisions(weights, form, main, report, options.dataset)
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
    layers = report.notes.get("weakest", ())
    noisy = [f"the layers that add most noise are {', '.join(layers)}"] if layers else []
    return "; ".join([*failed, *noisy, *report.explanation])


def _layers(path: Path, form: Format) -> dict[str, Any]:
    """Return a quantised file's layers by their noise, and which add most of it."""
    stated = quantisation(read_contract(path)) if form.quantised else {}
    rows = stated.get("layers", [])
    if not rows:
        return {}
    names = ("layer", "operator", "snr_db", "own_db")
    table = [dict(zip(names, row, strict=True)) for row in rows]
    return {"layers": table, "weakest": weakest(rows), "ranges": ranges_text(stated)}


def _precisions(
    weights: Weights, form: Format, path: Path, report: Report, dataset: Dataset
) -> dict[str, Any]:
    """Return what the network costs and gives in float32 and as this file, as JSON values."""
    known: dict[str, float] = {}
    if report.agreement and report.data == LABELLED:
        known = {FLOAT: report.agreement.reference_accuracy, INT8: report.agreement.accuracy}
    networks = {FLOAT: weights, INT8: form.read_weights(path)}
    found = side_by_side(networks, dataset.test.images[:1], None, known)
    return {name: asdict(row) for name, row in found.items()}


def ranges_text(stated: dict[str, Any]) -> str:
    """Return how ranges were found, and of how many values channels were equalised."""
    count = len(stated.get("equalised", {}))
    return str(stated["ranges"]) + (f", {count} values equalised" if count else "")


def _remedy(report: Report, form: Format) -> str:
    failed = [check for check in report.checks if not check.passed]
    if not form.quantised and report.agreement and report.agreement.is_rounding:
        return ROUNDING
    cases = report.agreement.disagreements if report.agreement else ()
    if len(failed) == 1 and cases and all(case.near_tie for case in cases):
        return "rounding decides between two labels there: --allow-near-ties keeps such a file"
    if form.quantised and len(failed) == 1:
        layers = " or ".join(f"--keep-float {name}" for name in report.notes.get("weakest", ())[:2])
        kept = f"try {layers}, " if layers and "--keep-float" in form.choices else ""
        return f"{kept}use the format onnx, or allow more with --max-drop"
    return "this should not happen: please report it with the versions that `cnnkit doctor` prints"
