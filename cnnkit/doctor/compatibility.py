"""Which hosts load an artefact: `for finding in find_hosts(Path("mnist.onnx")): print(finding)`.

A finding is *tested* if the host ran the file here and now, or *inferred* from the file's opset, IR
version and operators, and a table that names its sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats import contract
from cnnkit.formats.detect import detect
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.registry import TABLE
from cnnkit.runtimes.isolated import run_isolated
from cnnkit.runtimes.model import feeder
from cnnkit.runtimes.third_party import READS as THIRD_PARTY_READS
from cnnkit.runtimes.third_party import Arrays, ThirdPartyRun, run_all

TOLERANCE = 1e-4  # of the largest number, which counts as 1 if it is smaller


@dataclass(frozen=True)
class Finding:
    """What is known of one host.

    Attributes:
        host: its name and version.
        loads: whether it loads the file and gives the right answers; None if nobody knows.
        basis: "tested" or "inferred".
        reason: what was seen, or what it is inferred from.
    """

    host: str
    loads: bool | None
    basis: str
    reason: str


def find_hosts(path: Path) -> list[Finding]:
    """Return what each host makes of an artefact of ours, or of any ONNX file.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is no model, or damaged.
    """
    kind = detect(path)
    form = TABLE[kind]
    if kind == THIRD_PARTY_READS:
        file = read_onnx(path)
        metadata = form.read_metadata(path) if contract.MARK in file.metadata else {}
        feeds = _golden_feed(path, metadata) or random_feeds(file)
        tested = _tested(run_all(path, feeds), metadata, path)
    else:
        tested = [_own_runtime(path, form.read_metadata(path))]
    inferred = [Finding(host, loads, "inferred", why) for host, loads, why in form.support(path)]
    return [*tested, *inferred]


def random_feeds(file: OnnxFile, batch: int = 2, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return inputs for a model: each free size is `batch`.

    Raises:
        ValueError: an input is no tensor of numbers.
    """
    generator = np.random.default_rng(seed)
    feeds = {}
    for name, (dtype, sizes) in file.inputs.items():
        shape = [size or batch for size in sizes]
        numbers = generator.random(shape)
        feeds[name] = (numbers if dtype.startswith("float") else numbers * 255).astype(dtype)
    return feeds


def largest_difference(
    reference: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]
) -> float:
    """Return how far two answers are apart, relative to the largest number of each output."""
    worst = 0.0
    for name, expected in reference.items():
        found = outputs.get(name)
        if found is None or found.shape != expected.shape:
            return float("inf")
        wanted, got = expected.astype(np.float64), found.astype(np.float64)
        if wanted.size:
            error = float(np.abs(wanted - got).max()) / max(1.0, float(np.abs(wanted).max()))
            worst = max(worst, error) if np.isfinite(error) else float("inf")
    return worst


def _golden_feed(path: Path, metadata: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    golden = contract.read_golden(path, metadata) if metadata else None
    return {contract.INPUT: feeder(metadata)(golden.images)} if golden else {}


def _own_runtime(path: Path, metadata: Mapping[str, Any]) -> Finding:
    golden = contract.read_golden(path, metadata)
    shape = contract.architecture(path, metadata).input
    images = golden.images if golden else np.zeros((2, *shape), np.uint8)
    try:
        outputs = run_isolated(path, images, [(0, len(images))])
    except InputError as error:
        return Finding("its own runtime", False, "tested", error.reason)
    except CnnkitError as error:
        return Finding("its own runtime", None, "tested", str(error))
    host = outputs.about.get("runtime", "its own runtime")
    if outputs.prediction is None:
        return Finding(host, False, "tested", outputs.failure)
    if golden is None:
        return Finding(host, True, "tested", "it answers")
    given: Arrays = {"logits": outputs.prediction.logits, "label": outputs.prediction.label}
    return _compare_golden(host, given, golden.logits, golden.labels, golden.tolerance)


def _tested(found: dict[str, ThirdPartyRun], metadata: dict[str, Any], path: Path) -> list[Finding]:
    golden = contract.read_golden(path, metadata) if metadata else None
    reference = found["ONNX Runtime"].outputs
    findings = []
    for name, run in found.items():
        host = f"{name} {run.version}".strip()
        if run.outputs is None:
            findings.append(Finding(host, False, "tested", run.failure))
        elif golden is not None:
            findings.append(
                _compare_golden(host, run.outputs, golden.logits, golden.labels, golden.tolerance)
            )
        elif reference is None:
            findings.append(Finding(host, None, "tested", "it answers; nothing to compare with"))
        else:
            off = largest_difference(reference, run.outputs)
            same = f"{off:.1e} off ONNX Runtime" if name != "ONNX Runtime" else "it answers"
            findings.append(Finding(host, off <= TOLERANCE, "tested", same))
    return findings


def _compare_golden(
    host: str,
    outputs: Mapping[str, NDArray[Any]],
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    tolerance: float,
) -> Finding:
    if not {"logits", "label"} <= set(outputs):
        return Finding(host, False, "tested", f"its outputs are {', '.join(outputs)}")
    if outputs["logits"].size != logits.size or outputs["label"].size != labels.size:
        return Finding(host, False, "tested", "its outputs have other shapes")
    off = float(np.abs(outputs["logits"].reshape(logits.shape) - logits).max())
    wrong = int((outputs["label"].reshape(-1) != labels).sum())
    return Finding(
        host,
        wrong == 0 and off <= tolerance,
        "tested",
        f"{wrong} of {len(labels)} golden labels differ, largest logit error {off:.1e} "
        f"(tolerance {tolerance:.1e})",
    )
