"""Which runtimes can load an artefact: `check_compatibility(Path("mnist.onnx"))`.

Our own files run on their golden images, ONNX files of others as `foreign.py` does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.doctor.foreign import check_foreign, is_quantised
from cnnkit.doctor.result import Compatibility
from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats import contract
from cnnkit.formats.detect import detect
from cnnkit.formats.golden import Golden
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.registry import TABLE
from cnnkit.runtimes.classifier import load
from cnnkit.runtimes.isolated import run_isolated
from cnnkit.runtimes.model import feeder
from cnnkit.runtimes.third_party import READS as THIRD_PARTY_READS
from cnnkit.runtimes.third_party import Arrays, run_all

MOST_IMAGES = 1024  # in one batch


def check_compatibility(path: Path, size: tuple[int, int] | None = None) -> list[Compatibility]:
    """Check which runtimes load a cnnkit artefact, or any ONNX file.

    Args:
        path: the file.
        size: height and width of the images for an ONNX file that leaves them free.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not a model, or it is damaged.
    """
    kind = detect(path)
    form = TABLE[kind]
    if kind == THIRD_PARTY_READS:
        file = read_onnx(path)
        metadata = form.read_metadata(path) if contract.MARK in file.metadata else {}
        golden = contract.read_golden(path, metadata) if metadata else None
        tested = (
            _golden_runs(path, file, metadata, golden)
            if golden
            else check_foreign(path, file, size)
        )
        if is_quantised(file):
            tested += _own_engine(path)
    else:
        tested = [_own_runtime(path, form.read_metadata(path))]
    inferred = [
        Compatibility(runtime, loads, "inferred", reason)
        for runtime, loads, reason in form.support(path)
    ]
    return [*tested, *(_as_tested(result, tested) for result in inferred)]


def _as_tested(inferred: Compatibility, tested: Sequence[Compatibility]) -> Compatibility:
    """Return what is inferred of a runtime, but no promise where a version of it has failed."""
    for result in tested:
        name = result.runtime.rpartition(" ")[0]  # without the version
        if inferred.loads and result.loads is False and inferred.runtime.startswith(f"{name} "):
            reason = f"{inferred.reason}; but {result.runtime} fails"
            return replace(inferred, loads=None, reason=reason)
    return inferred


def _own_engine(path: Path) -> list[Compatibility]:
    """Say what `cnnkit.load` computes a quantised file with; nothing, if it is no classifier."""
    try:
        engine = load(path).engine
    except InputError:
        return []
    return [Compatibility("cnnkit.load", True, "inferred", f"it computes with {engine}")]


def _golden_runs(
    path: Path, file: OnnxFile, metadata: Mapping[str, Any], golden: Golden
) -> list[Compatibility]:
    """Run the golden images in every runtime, as many at once as the file takes."""
    _, sizes = file.inputs.get(contract.INPUT, ("", ()))
    rows = np.arange(min(sizes[0], MOST_IMAGES) if sizes and sizes[0] else len(golden.labels))
    golden = _chosen(golden, rows % len(golden.labels))
    feeds = {contract.INPUT: feeder(metadata)(golden.images)}
    results = []
    for name, run in run_all(path, feeds).items():
        runtime = f"{name} {run.version}".strip()
        if run.outputs is None:
            results.append(Compatibility(runtime, False, "tested", run.failure))
        else:
            results.append(_compare_with_golden(runtime, dict(run.outputs), golden))
    return results


def _chosen(golden: Golden, rows: NDArray[np.int64]) -> Golden:
    return replace(
        golden,
        images=golden.images[rows],
        labels=golden.labels[rows],
        logits=golden.logits[rows],
        probabilities=golden.probabilities[rows],
    )


def _own_runtime(path: Path, metadata: Mapping[str, Any]) -> Compatibility:
    golden = contract.read_golden(path, metadata)
    shape = contract.image_size(path, metadata)
    images = golden.images if golden else np.zeros((2, *shape), np.uint8)
    try:
        outputs = run_isolated(path, images, [(0, len(images))])
    except InputError as error:
        return Compatibility("its own runtime", False, "tested", error.reason)
    except CnnkitError as error:
        return Compatibility("its own runtime", None, "tested", str(error))
    runtime = outputs.about.get("runtime", "its own runtime")
    if outputs.prediction is None:
        return Compatibility(runtime, False, "tested", outputs.failure)
    if golden is None:
        return Compatibility(runtime, True, "tested", "it runs; there is no reference output")
    found: Arrays = {"logits": outputs.prediction.logits, "label": outputs.prediction.label}
    return _compare_with_golden(runtime, found, golden)


def _compare_with_golden(runtime: str, outputs: Arrays, golden: Golden) -> Compatibility:
    if not {"logits", "label"} <= set(outputs):
        return Compatibility(runtime, False, "tested", f"its outputs are {', '.join(outputs)}")
    logits, labels = outputs["logits"], outputs["label"]
    if logits.size != golden.logits.size or labels.size != golden.labels.size:
        return Compatibility(runtime, False, "tested", "its outputs have other shapes")
    error = float(np.abs(logits.reshape(golden.logits.shape) - golden.logits).max())
    wrong = int((labels.reshape(-1) != golden.labels).sum())
    return Compatibility(
        runtime,
        wrong == 0 and error <= golden.tolerance,
        "tested",
        f"{wrong} of {len(golden.labels)} golden labels differ, largest logit error {error:.1e} "
        f"(tolerance {golden.tolerance:.1e})",
    )
