"""Rewrite an ONNX file so that more runtimes load it: `fix(path, 17).content`.

External data is embedded, the opset is lowered to the requested one, and the IR version to the
lowest that the opset allows, though not below 4. The new file must give the original's outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnnkit.doctor.made_up_inputs import (
    Trial,
    guesses,
    obstacle,
    random_feeds,
    trials,
    wants_size,
)
from cnnkit.doctor.onnx_opset import STANDARD, lower, opset_of
from cnnkit.doctor.outputs import compare
from cnnkit.errors import InputError, MissingError, VerdictError
from cnnkit.formats.onnx.model import LOWEST_OPSET
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.onnx.writer import OPSET
from cnnkit.runtimes.third_party import Arrays, Outputs, run_all
from cnnkit.system.files import write_bytes
from cnnkit.system.subprocesses import exchange_folder

LOWEST_IR_VERSION = 4  # before it, every weight is an input too


@dataclass(frozen=True)
class Fix:
    """A rewritten file.

    Attributes:
        content: its bytes.
        changes: a phrase for each change; empty if none was necessary.
        difference: largest difference from the original's outputs, relative to the largest output.
    """

    content: bytes
    changes: tuple[str, ...]
    difference: float


def fix(path: Path, opset: int = OPSET, size: tuple[int, int] | None = None) -> Fix:
    """Return a rewritten ONNX file; the original is not changed.

    Args:
        path: the file.
        opset: newer ones are lowered to it.
        size: height and width of the images for which outputs are compared, if they are free.

    Raises:
        StorageError: the file, or one with its external data, cannot be read.
        InputError: it is not an ONNX file, is damaged, or cannot be converted to this opset.
        VerdictError: the new file's outputs differ from the original's.
        MissingError: the onnx package is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingError.package("onnx", "rewriting ONNX") from error
    if not LOWEST_OPSET <= opset <= onnx.defs.onnx_opset_version():
        raise InputError(
            f"--opset {opset}",
            "is not supported",
            f"choose one from {LOWEST_OPSET} to {onnx.defs.onnx_opset_version()}",
        )
    before = read_onnx(path)
    try:
        model = onnx.load(path)  # with its external data
    except Exception as error:  # onnx's errors have no other common base class
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        remedy = "put the files with its external data beside it"
        raise InputError(path, f"cannot be read completely ({reason})", remedy) from error
    changes = ["embedded the external data"] if before.external else []
    stated = opset_of(model)
    if stated > opset:
        changes.append(f"opset {stated} → {opset}")
    lowest = _lowest_ir_version(model, min(stated, opset))
    if before.ir_version > lowest:
        changes.append(f"IR {before.ir_version} → {lowest}")
    model.ir_version = min(before.ir_version, lowest)
    if stated > opset:
        model = _convert(path, model, opset)
    content = bytes(model.SerializeToString(deterministic=True))
    difference = _difference(path, before, content, size) if changes else 0.0
    return Fix(content, tuple(changes), difference)


def _lowest_ir_version(model: Any, opset: int) -> int:
    """Return the lowest version of the format for an opset in which weights are no inputs."""
    from onnx import helper

    others = [row for row in model.opset_import if row.domain not in STANDARD]
    opsets = [helper.make_opsetid("", opset), *others]
    found = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    return max(LOWEST_IR_VERSION, int(found))


def _convert(path: Path, model: Any, opset: int) -> Any:
    lowered = lower(model, opset)
    if lowered.opset > opset:
        raise InputError(
            path,
            f"cannot be converted to opset {opset} ({lowered.obstacle})",
            f"its lowest opset is {lowered.opset}: choose --opset {lowered.opset}",
        )
    converted = lowered.model
    converted.ir_version = model.ir_version
    # The converter drops the metadata.
    del converted.metadata_props[:]
    converted.metadata_props.extend(model.metadata_props)
    converted.producer_name, converted.producer_version = (
        model.producer_name,
        model.producer_version,
    )
    return converted


def _difference(
    path: Path, before: OnnxFile, content: bytes, size: tuple[int, int] | None
) -> float:
    """Return the largest difference of the new outputs from the old; raise if it is too large."""
    fitting = _fitting_trial(path, before, size)
    worst = 0.0
    with exchange_folder() as folder:
        new = folder / "model.onnx"
        write_bytes(new, content)
        for batch in sorted({1, 2, 7, fitting.batch}):
            feeds = random_feeds(before, fitting._replace(batch=batch))
            old, _ = _run(path, feeds)
            if old is None:  # a batch that it does not take
                continue
            outputs, failure = _run(new, feeds)
            if outputs is None:
                reason = failure.replace(str(new), "it")
                raise _refused(path, f"does not run after the rewrite ({reason})")
            found = compare(old, outputs)
            if not found.equal:
                remarks = "; ".join(found.remarks) or f"by {found.difference:.1e} of the largest"
                raise _refused(path, f"gives other outputs after the rewrite ({remarks})")
            worst = max(worst, found.difference)
    return worst


def _refused(path: Path, reason: str) -> VerdictError:
    return VerdictError(
        path,
        f"{reason}; nothing was kept",
        "choose a higher --opset, or export it again from its source",
    )


def _fitting_trial(path: Path, file: OnnxFile, size: tuple[int, int] | None) -> Trial:
    """Return which made-up inputs the original takes."""
    reason = obstacle(file)
    if reason:
        raise InputError(
            path,
            f"cannot be compared with its rewrite: {reason}",
            "convert it with the onnx package and compare the outputs yourself",
        )
    first = ""
    for trial in trials(file, size):
        outputs, failure = _run(path, random_feeds(file, trial))
        if outputs is not None:
            return trial
        first = first or failure
    if guesses(file, size):
        wanted = "name height and width with --size HxW" if wants_size(file) and not size else ""
        raise InputError(
            path,
            f"cannot be compared with its rewrite: it takes none of the inputs made up ({first})",
            wanted or "convert it with the onnx package and compare the outputs yourself",
        )
    raise InputError(
        path,
        f"runs neither in ONNX Runtime nor in ONNX's reference evaluator ({first})",
        "export it again from its source",
    )


def _run(path: Path, feeds: Arrays) -> tuple[Outputs | None, str]:
    """Run a file in ONNX Runtime, or, if that cannot load it, in ONNX's reference evaluator.

    Returns:
        its outputs, or None and ONNX Runtime's reason.
    """
    run = run_all(path, feeds, ("ONNX Runtime",))["ONNX Runtime"]
    if run.outputs is not None or run.loaded:
        return run.outputs, run.failure
    from onnx.reference import ReferenceEvaluator

    try:
        model = ReferenceEvaluator(str(path))
        arrays = map(np.asarray, model.run(None, dict(feeds)))
        return tuple(zip(model.output_names, arrays, strict=True)), ""
    except Exception:  # any error means that there is no reference output
        return None, run.failure
