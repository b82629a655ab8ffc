"""An ONNX file of others in every installed runtime: `check_foreign(path, read_onnx(path))`.

Its inputs are made up. ONNX Runtime shows whether they fit it, and is the reference for the others.
"""

from __future__ import annotations

from pathlib import Path

from cnnkit.doctor.made_up_inputs import (
    guesses,
    guesses_sizes,
    obstacle,
    random_feeds,
    trials,
    wants_size,
)
from cnnkit.doctor.outputs import TOLERANCE, compare, is_finite
from cnnkit.doctor.result import Compatibility
from cnnkit.formats.onnx.protobuf import OnnxFile
from cnnkit.runtimes.third_party import Arrays, Outputs, ThirdPartyRun, installed, run_all

REFERENCE = "ONNX Runtime"
# Of the largest output, or of 1: runtimes round the values of 8 bits at different places.
ROUNDING = 0.05


def check_foreign(
    path: Path, file: OnnxFile, size: tuple[int, int] | None = None
) -> list[Compatibility]:
    """Check which installed runtimes load a file and give ONNX Runtime's outputs.

    Args:
        path: the file.
        file: what it says.
        size: height and width of its images if it leaves them free.
    """
    reason = obstacle(file)
    feeds, reference = ({}, _reference(path, {})) if reason else _fitting_feeds(path, file, size)
    if reference and reference.loaded and reference.outputs is None:
        if not reason and guesses(file, size):
            shown = _shapes(feeds)
            reason = f"no inputs that it takes are known; {shown} gave: {reference.failure}"
            if wants_size(file) and not size:
                reason += "; name height and width with --size HxW"
        if reason:
            loaded = f"{REFERENCE} {reference.version}"
            return [
                Compatibility(loaded if name == REFERENCE else name, None, "not tried", reason)
                for name in installed()
            ]
    runs = {REFERENCE: reference} if reference else {}
    others = [name for name in installed() if name != REFERENCE]
    if others:
        runs |= run_all(path, feeds, others)
    shapes = f" with {_shapes(feeds)}" if guesses_sizes(file) else ""
    outputs = reference.outputs if reference else None
    allowed = ROUNDING if is_quantised(file) else TOLERANCE
    return [_result(name, run, outputs, shapes, allowed) for name, run in runs.items()]


def is_quantised(file: OnnxFile) -> bool:
    """Tell whether a file computes with integers of 8 bits somewhere."""
    return any(node.operator.startswith(("QuantizeLinear", "QLinear")) for node in file.nodes)


def _reference(path: Path, feeds: Arrays) -> ThirdPartyRun | None:
    return run_all(path, feeds, (REFERENCE,)).get(REFERENCE)


def _fitting_feeds(
    path: Path, file: OnnxFile, size: tuple[int, int] | None
) -> tuple[Arrays, ThirdPartyRun | None]:
    """Return the first inputs with which ONNX Runtime runs the file, or else the first of all."""
    first: tuple[Arrays, ThirdPartyRun | None] | None = None
    for trial in trials(file, size):
        feeds = random_feeds(file, trial)
        run = _reference(path, feeds)
        first = first or (feeds, run)
        if run is None or run.outputs is not None or not run.loaded:
            return feeds, run
    assert first
    return first


def _shapes(feeds: Arrays) -> str:
    return ", ".join(f"{name} of {list(array.shape)}" for name, array in feeds.items())


def _result(
    name: str, run: ThirdPartyRun, reference: Outputs | None, shapes: str, allowed: float
) -> Compatibility:
    """Judge one run; `shapes` says with which made-up inputs, if there is a choice."""
    runtime = f"{name} {run.version}".strip()
    if run.outputs is None:
        return Compatibility(
            runtime, False, "tested", run.failure + (shapes and f" ({shapes[1:]})")
        )
    if name == REFERENCE:
        finite = "" if is_finite(run.outputs) else "; some of its outputs are NaN or infinite"
        return Compatibility(runtime, True, "tested", f"it runs{shapes}{finite}")
    if reference is None:
        reason = f"it runs{shapes}; ONNX Runtime, the reference, does not"
        return Compatibility(runtime, None, "tested", reason)
    found = compare(reference, run.outputs)
    by = f"outputs differ from ONNX Runtime's by {found.difference:.1e}"
    words = [by, *found.remarks] if found.comparable else [*found.remarks]
    return Compatibility(runtime, found.difference <= allowed, "tested", ", ".join(words))
