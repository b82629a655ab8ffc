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
from cnnkit.formats.detect import sniff
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.registry import READERS
from cnnkit.runtimes.isolated import ask
from cnnkit.runtimes.model import feeder
from cnnkit.runtimes.third_party import Arrays, Trial, trials

# (first release, highest opset, highest IR version) of ONNX Runtime, oldest first; the packages for
# C, C++, C#, Java, Node and the web have the same numbers. The table ends with 1.20.
ONNXRUNTIME = (
    ("1.2", 11, 6),
    ("1.3", 12, 7),
    ("1.6", 13, 7),
    ("1.8", 14, 7),
    ("1.9", 15, 8),
    ("1.11", 16, 8),
    ("1.12", 17, 8),
    ("1.14", 18, 8),
    ("1.15", 19, 8),
    ("1.16", 19, 9),
    ("1.17", 20, 9),
    ("1.18", 21, 10),
)
ONNXRUNTIME_SOURCE = "its documentation, reference/compatibility"
# Files of these operators, opset 17 or 18, IR 8, were tried in OpenCV 4.6 (C++), and 4.14 and 5.0.
TRIED = frozenset(
    ("ArgMax", "Cast", "Conv", "Flatten", "Gemm", "MaxPool", "Mul", "Relu", "Softmax")
)
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
    kind = sniff(path)
    if kind != "onnx":
        metadata = READERS[kind](path)
        return [_own_runtime(path, metadata), *_inferred_torch(kind)]
    file = read_onnx(path)
    metadata = contract.decode(path, file.metadata, "an ONNX file") if _ours(file) else {}
    feeds = _golden_feed(path, metadata) or random_feeds(file)
    return [*_tested(trials(path, feeds), metadata, path), *_inferred_onnx(file)]


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


def _ours(file: OnnxFile) -> bool:
    return contract.MARK in file.metadata


def _golden_feed(path: Path, metadata: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    golden = contract.read_golden(path, metadata) if metadata else None
    return {contract.INPUT: feeder(metadata)(golden.images)} if golden else {}


def _own_runtime(path: Path, metadata: Mapping[str, Any]) -> Finding:
    golden = contract.read_golden(path, metadata)
    shape = contract.architecture(path, metadata).input
    images = golden.images if golden else np.zeros((2, *shape), np.uint8)
    try:
        answers = ask(path, images, [(0, len(images))])
    except InputError as error:
        return Finding("its own runtime", False, "tested", error.reason)
    except CnnkitError as error:
        return Finding("its own runtime", None, "tested", str(error))
    host = answers.about.get("runtime", "its own runtime")
    if answers.prediction is None:
        return Finding(host, False, "tested", answers.failure)
    if golden is None:
        return Finding(host, True, "tested", "it answers")
    given: Arrays = {"logits": answers.prediction.logits, "label": answers.prediction.label}
    return _judge_golden(host, given, golden.logits, golden.labels, golden.tolerance)


def _tested(found: dict[str, Trial], metadata: dict[str, Any], path: Path) -> list[Finding]:
    golden = contract.read_golden(path, metadata) if metadata else None
    reference = found["ONNX Runtime"].outputs
    findings = []
    for name, trial in found.items():
        host = f"{name} {trial.version}".strip()
        if trial.outputs is None:
            findings.append(Finding(host, False, "tested", trial.failure))
        elif golden is not None:
            findings.append(
                _judge_golden(host, trial.outputs, golden.logits, golden.labels, golden.tolerance)
            )
        elif reference is None:
            findings.append(Finding(host, None, "tested", "it answers; nothing to compare with"))
        else:
            off = largest_difference(reference, trial.outputs)
            same = f"{off:.1e} off ONNX Runtime" if name != "ONNX Runtime" else "it answers"
            findings.append(Finding(host, off <= TOLERANCE, "tested", same))
    return findings


def _judge_golden(
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


def _inferred_onnx(file: OnnxFile) -> list[Finding]:
    opset, ir_version = file.opsets.get("", 0), file.ir_version
    need = f"opset {opset}, IR {ir_version}"
    foreign = sorted(operator for operator in set(file.operators) if "." in operator)
    first = next((v for v, o, ir in ONNXRUNTIME if opset <= o and ir_version <= ir), None)
    runtime = f"ONNX Runtime {first} or newer" if first else "ONNX Runtime newer than 1.20"
    packages = "(C, C++, C#, Java, Node, web)"
    if foreign:
        reason = f"operators that are not standard: {', '.join(foreign)}"
        return [Finding("hosts other than its exporter's", None, "inferred", reason)]
    untried = sorted(set(file.operators) - TRIED)
    tried = not untried and opset <= 18 and ir_version <= 8 and not file.external
    lacking = ", ".join(untried) or ("data in another file" if file.external else need)
    return [
        Finding(
            f"{runtime} {packages}",
            True if first else None,
            "inferred",
            f"{need}: {ONNXRUNTIME_SOURCE}" if first else f"{need}: newer than its table tells",
        ),
        Finding(
            "OpenCV 4.6 or newer (C++)",
            True if tried else None,
            "inferred",
            f"{need} and these operators were tried" if tried else f"not tried: {lacking}",
        ),
    ]


def _inferred_torch(kind: str) -> list[Finding]:
    if kind == "torchscript":
        reason = "PyTorch reads what an older release wrote; others were not tried"
        return [
            Finding("libtorch of the release that wrote it, or newer", True, "inferred", reason)
        ]
    if kind == "pt2":
        reason = "PyTorch promises to read what an older release wrote, and nothing else"
        return [Finding("PyTorch of the release that wrote it, or newer", True, "inferred", reason)]
    return []
