"""Which run is meant: `find_weights(None)` is the newest run's weights file."""

from __future__ import annotations

from pathlib import Path

from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.detect import detect
from cnnkit.graph.weights import Weights

RUNS = Path("runs")


WEIGHTS_FILE = "weights.safetensors"


def find_weights(path: Path | None) -> Path:
    """Return the weights file that a person means: a file, a run folder, or the newest run.

    Raises:
        InputError: there is none.
    """
    if path is None:
        found = sorted(RUNS.glob(f"*/*/{WEIGHTS_FILE}"), key=lambda file: file.stat().st_mtime)
        if not found:
            raise InputError(
                RUNS,
                "holds no run with a complete epoch",
                "run `cnnkit train` first, or name a weights file",
            )
        return found[-1]
    if path.is_dir():
        if not (path / WEIGHTS_FILE).is_file():
            raise InputError(
                path,
                f"holds no {WEIGHTS_FILE}",
                "name a run folder whose first epoch is done, or a weights file",
            )
        return path / WEIGHTS_FILE
    return path


def find_run(path: Path, digest: str) -> Weights:
    """Return the weights, among the runs, that an artefact says it was made from.

    Args:
        path: the artefact; a weights file or run folder is its own.
        digest: the weights' SHA-256 in its metadata.

    Raises:
        InputError: no run has them.
    """
    if detect(path) == "weights":
        return read_weights(find_weights(path))
    for file in sorted(RUNS.glob(f"*/*/{WEIGHTS_FILE}")):
        try:
            weights = read_weights(file)
        except CnnkitError:
            continue  # a run that is damaged or of another version is not the one
        if weights.sha256 == digest:
            return weights
    raise InputError(
        path,
        f"was made from weights ({digest[:12]}…) that no run under {RUNS}/ has",
        "pass them with --weights",
    )
