"""Rewrite an ONNX file so that more runtimes load it: `fix(path, 17).content`.

External data is embedded, the opset is lowered to the requested one, and the IR version to the
lowest that the opset allows. The new file must give the outputs of the original.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnnkit.doctor.compatibility import TOLERANCE, largest_difference, random_feeds
from cnnkit.errors import InputError, MissingError, VerdictError
from cnnkit.formats.onnx.model import LOWEST_OPSET
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.onnx.writer import OPSET
from cnnkit.runtimes.third_party import Arrays, run_all
from cnnkit.system.files import write_bytes
from cnnkit.system.subprocesses import exchange_folder


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


def fix(path: Path, opset: int = OPSET) -> Fix:
    """Return a rewritten ONNX file; the original is not changed.

    Raises:
        StorageError: the file, or one with its external data, cannot be read.
        InputError: it is not an ONNX file, is damaged, or cannot be converted to this opset.
        VerdictError: the new file's outputs differ from the original's.
        MissingError: the onnx package is not installed.
    """
    try:
        import onnx
        from onnx import helper
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
    if before.opsets.get("", 0) > opset:
        model = _convert(path, model, opset)
        changes.append(f"opset {before.opsets['']} → {opset}")
    lowest = helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True)
    if model.ir_version > lowest:
        changes.append(f"IR {before.ir_version} → {lowest}")
    model.ir_version = min(model.ir_version, lowest)
    content = bytes(model.SerializeToString(deterministic=True))
    return Fix(content, tuple(changes), _difference(path, before, content) if changes else 0.0)


def _convert(path: Path, model: Any, opset: int) -> Any:
    from onnx import version_converter

    try:
        converted = version_converter.convert_version(model, opset)
    except Exception as error:  # the converter's errors have no other common base class
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(
            path, f"cannot be converted to opset {opset} ({reason})", "choose another --opset"
        ) from error
    # The inferred shapes are redundant, and tract rejects them; the converter drops the metadata.
    del converted.graph.value_info[:]
    del converted.metadata_props[:]
    converted.metadata_props.extend(model.metadata_props)
    converted.producer_name, converted.producer_version = (
        model.producer_name,
        model.producer_version,
    )
    return converted


def _difference(path: Path, before: OnnxFile, content: bytes) -> float:
    """Return the largest difference of the new outputs from the old; raise if it is too large."""
    worst = 0.0
    with exchange_folder() as folder:
        new = folder / "model.onnx"
        write_bytes(new, content)
        for batch in (1, 2, 7):
            try:
                feeds = random_feeds(before, batch, seed=batch)
            except (TypeError, ValueError) as error:
                raise InputError(
                    path,
                    f"has an input for which no random values can be generated ({error})",
                    "convert it with the onnx package and compare the outputs yourself",
                ) from error
            worst = max(worst, largest_difference(_run(path, feeds), _run(new, feeds)))
    if worst > TOLERANCE:
        raise VerdictError(
            path,
            f"gives other outputs after the rewrite (by {worst:.1e} of the largest output); "
            "nothing was kept",
            "choose another --opset, or export it again from its source",
        )
    return worst


def _run(path: Path, feeds: Arrays) -> Arrays:
    """Run a file in ONNX Runtime, or, if that cannot load it, in ONNX's reference evaluator."""
    run = run_all(path, feeds, ("ONNX Runtime",))["ONNX Runtime"]
    if run.outputs is not None:
        return run.outputs
    from onnx.reference import ReferenceEvaluator

    try:
        model = ReferenceEvaluator(str(path))
        outputs: Any = model.run(None, feeds)
    except Exception as error:  # any error means that there is no reference output
        raise InputError(
            path,
            f"runs neither in ONNX Runtime nor in ONNX's reference evaluator ({run.failure})",
            "export it again from its source",
        ) from error
    return dict(zip(model.output_names, map(np.asarray, outputs), strict=True))
