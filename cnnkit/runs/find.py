"""Find runs and their weights: `find_weights(None)` is the weights file of the newest run."""

from __future__ import annotations

import json
from pathlib import Path

from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.detect import detect
from cnnkit.graph.weights import Weights
from cnnkit.runs.manifest import check_manifest

RUNS = Path("runs")
WEIGHTS_FILE, CONFIG_FILE = "weights.safetensors", "config.json"


def find_weights(path: Path | None) -> Path:
    """Return the weights file of `path`: the file itself, a run folder's, or the newest run's.

    Raises:
        InputError: no weights were found, or a run's are not those that its manifest tells of.
        StorageError: they cannot be read.
    """
    file = _find(path)
    if file.name == WEIGHTS_FILE:
        check_manifest(file)
    return file


def _find(path: Path | None) -> Path:
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
    if detect(path) == "weights":
        return read_weights(find_weights(path))
    found = _search(digest)
    if found is None:
        raise InputError(
            path,
            f"was made from weights ({digest[:12]}…) that no run under {RUNS}/ has",
            "pass them with --weights",
        )
    return found[1]


def find_data(path: Path, digest: str) -> Path | None:
    """Return the folder of own data that an artefact's run was trained on; None if none tells it.

    Args:
        path: the artefact, a weights file or a run folder.
        digest: the weights' SHA-256 in its metadata.
    """
    if detect(path) == "weights":
        file = find_weights(path)
    else:
        found = _search(digest)
        if found is None:
            return None
        file = found[0]
    try:
        folder = json.loads((file.parent / CONFIG_FILE).read_text())["data"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a weights file that was copied out of its run
    return Path(folder) if isinstance(folder, str) else None


def _search(digest: str) -> tuple[Path, Weights] | None:
    """Return the weights file under RUNS that holds these weights, and them; None if none does."""
    for file in sorted(RUNS.glob(f"*/*/{WEIGHTS_FILE}")):
        try:
            weights = read_weights(file)
        except CnnkitError:
            continue  # damaged, or of another version
        if weights.sha256 == digest:
            return file, weights
    return None
