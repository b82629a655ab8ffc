"""An ONNX file that more hosts read: `fix(path, 17).content`, with what was changed.

Data that lies in other files comes in, the opset goes down to the one that is asked for, and the IR
version to the lowest that the opset allows. The result must answer as the original does.
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
        changes: what is different now, a phrase each; none if the original was good already.
        difference: how far its answers are from the original's, relative to the largest.
    """

    content: bytes
    changes: tuple[str, ...]
    difference: float


def fix(path: Path, opset: int = OPSET) -> Fix:
    """Rewrite an ONNX file; the original stays as it is.

    Raises:
        StorageError: the file, or one that holds its data, cannot be read.
        InputError: it is no ONNX file, is damaged, or cannot be converted to this opset.
        VerdictError: the result answers otherwise than the original.
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
            "is unknown",
            f"choose one from {LOWEST_OPSET} to {onnx.defs.onnx_opset_version()}",
        )
    before = read_onnx(path)
    try:
        model = onnx.load(path)  # with the data that lies in other files
    except Exception as error:  # its errors have no common base class but this
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(path, f"cannot be read as a whole ({reason})", "bring its data") from error
    changes = ["brought in the data of other files"] if before.external else []
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
    except Exception as error:  # the converter's errors have no common base class but this
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(
            path, f"cannot be converted to opset {opset} ({reason})", "choose another --opset"
        ) from error
    # Shapes that it inferred say nothing new, and tract stumbles over them; the rest it forgets.
    del converted.graph.value_info[:]
    del converted.metadata_props[:]
    converted.metadata_props.extend(model.metadata_props)
    converted.producer_name, converted.producer_version = (
        model.producer_name,
        model.producer_version,
    )
    return converted


def _difference(path: Path, before: OnnxFile, content: bytes) -> float:
    """Return how far the new answers are from the old ones, or raise if that is too far."""
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
                    f"has an input that cannot be made up ({error})",
                    "convert it by hand and compare its answers",
                ) from error
            worst = max(worst, largest_difference(_run(path, feeds), _run(new, feeds)))
    if worst > TOLERANCE:
        raise VerdictError(
            path,
            f"answers otherwise after the change (by {worst:.1e} of its largest output); "
            "nothing was kept",
            "choose another --opset, or export it again from its source",
        )
    return worst


def _run(path: Path, feeds: Arrays) -> Arrays:
    """Run in ONNX Runtime, or, where that is too old for a file, in ONNX's own reference."""
    found = run_all(path, feeds, ("ONNX Runtime",))["ONNX Runtime"]
    if found.outputs is not None:
        return found.outputs
    from onnx.reference import ReferenceEvaluator

    try:
        model = ReferenceEvaluator(str(path))
        answers: Any = model.run(None, feeds)
    except Exception as error:  # whatever it raises, there is nothing to compare with
        raise InputError(
            path, f"runs nowhere here ({found.failure})", "export it again from its source"
        ) from error
    return dict(zip(model.output_names, map(np.asarray, answers), strict=True))
