"""Find runs and their weights: `find_weights(None)` is the weights file of the newest run."""

from __future__ import annotations

from pathlib import Path

from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.detect import sniff
from cnnkit.graph.weights import Weights

RUNS = Path("runs")
WEIGHTS_FILE = "weights.safetensors"


def find_weights(path: Path | None) -> Path:
    """Return the weights file of `path`: the file itself, a run folder's, or the newest run's.

    Raises:
        InputError: no weights were found.
    """
    if path is None:
        found = sorted(RUNS.glob(f"*/*/{WEIGHTS_FILE}"), key=lambda file: file.stat().st_mtime)
        if not found:
            raise InputError(
                RUNS,
                "holds no run with a complete epoch",
                "run `cnnkit train` first, or give a weights file",
            )
        return found[-1]
    if path.is_dir():
        if not (path / WEIGHTS_FILE).is_file():
            raise InputError(
                path,
                f"holds no {WEIGHTS_FILE}",
                "give a run folder with a complete epoch, or a weights file",
            )
        return path / WEIGHTS_FILE
    return path


def find_run(path: Path, digest: str) -> Weights:
    """Return the weights that an artefact was exported from, looking through all runs.

    Args:
        path: the artefact; a weights file or run folder is read directly.
        digest: the SHA-256 of the weights according to the artefact's metadata.

    Raises:
        InputError: no run has these weights.
    """
    if sniff(path) == "weights":
        return read_weights(find_weights(path))
    for file in sorted(RUNS.glob(f"*/*/{WEIGHTS_FILE}")):
        try:
            weights = read_weights(file)
        except CnnkitError:
            continue  # damaged, or of another version
        if weights.sha256 == digest:
            return weights
    raise InputError(
        path,
        f"was made from weights ({digest[:12]}…) that no run under {RUNS}/ has",
        "pass them with --weights",
    )
