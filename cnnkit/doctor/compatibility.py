"""Which runtimes can load an artefact: `check_compatibility(Path("mnist.onnx"))`.

A result is *tested* if an installed runtime ran the file, or *inferred* from the file and what its
format knows of other runtimes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats import contract
from cnnkit.formats.detect import detect
from cnnkit.formats.golden import Golden
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.registry import TABLE
from cnnkit.runtimes.isolated import run_isolated
from cnnkit.runtimes.model import feeder
from cnnkit.runtimes.third_party import READS as THIRD_PARTY_READS
from cnnkit.runtimes.third_party import Arrays, ThirdPartyRun, run_all

LARGEST_INPUT = 2**26  # values, half a gigabyte as they are drawn
TOLERANCE = 1e-4  # relative to max(1, largest output)


@dataclass(frozen=True)
class Compatibility:
    """The compatibility of one runtime.

    Attributes:
        runtime: its name and version.
        loads: whether it loads the file and gives the right outputs; None if unknown.
        basis: "tested" or "inferred".
        reason: the observation, or what it is inferred from.
    """

    runtime: str
    loads: bool | None
    basis: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "host": self.runtime,
            "loads": self.loads,
            "basis": self.basis,
            "reason": self.reason,
        }


def check_compatibility(path: Path) -> list[Compatibility]:
    """Check which runtimes load a cnnkit artefact, or any ONNX file.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not a model, or it is damaged.
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
    inferred = (
        Compatibility(runtime, loads, "inferred", reason)
        for runtime, loads, reason in form.support(path)
    )
    return [*tested, *inferred]


def random_feeds(file: OnnxFile, batch: int = 2, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return random inputs for a model; every dynamic dimension is `batch`.

    Raises:
        ValueError: an input is not a tensor of numbers.
    """
    generator = np.random.default_rng(seed)
    feeds = {}
    for name, (dtype, sizes) in file.inputs.items():
        shape = [size or batch for size in sizes]
        if math.prod(shape) > LARGEST_INPUT:
            raise InputError(
                name,
                f"is an input of {shape}, more than {LARGEST_INPUT:,} values",
                "run the file in its own program",
            )
        numbers = generator.random(shape)
        feeds[name] = (numbers if dtype.startswith("float") else numbers * 255).astype(dtype)
    return feeds


def largest_difference(
    reference: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]
) -> float:
    """Return the largest difference of two sets of outputs, relative to max(1, largest value)."""
    worst = 0.0
    for name, expected in reference.items():
        actual = outputs.get(name)
        if actual is None or actual.shape != expected.shape:
            return float("inf")
        a, b = expected.astype(np.float64), actual.astype(np.float64)
        if a.size:
            error = float(np.abs(a - b).max()) / max(1.0, float(np.abs(a).max()))
            worst = max(worst, error) if np.isfinite(error) else float("inf")
    return worst


def _golden_feed(path: Path, metadata: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    golden = contract.read_golden(path, metadata) if metadata else None
    return {contract.INPUT: feeder(metadata)(golden.images)} if golden else {}


def _own_runtime(path: Path, metadata: Mapping[str, Any]) -> Compatibility:
    golden = contract.read_golden(path, metadata)
    shape = contract.architecture(path, metadata).input
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


def _tested(
    runs: dict[str, ThirdPartyRun], metadata: dict[str, Any], path: Path
) -> list[Compatibility]:
    golden = contract.read_golden(path, metadata) if metadata else None
    reference = runs["ONNX Runtime"].outputs
    results = []
    for name, run in runs.items():
        runtime = f"{name} {run.version}".strip()
        if run.outputs is None:
            results.append(Compatibility(runtime, False, "tested", run.failure))
        elif golden is not None:
            results.append(_compare_with_golden(runtime, run.outputs, golden))
        elif reference is None:
            reason = "it runs; ONNX Runtime, the reference, does not"
            results.append(Compatibility(runtime, None, "tested", reason))
        else:
            difference = largest_difference(reference, run.outputs)
            reason = f"outputs differ from ONNX Runtime's by {difference:.1e}"
            reason = "it runs" if name == "ONNX Runtime" else reason
            results.append(Compatibility(runtime, difference <= TOLERANCE, "tested", reason))
    return results


def _compare_with_golden(
    runtime: str, outputs: Mapping[str, NDArray[Any]], golden: Golden
) -> Compatibility:
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
