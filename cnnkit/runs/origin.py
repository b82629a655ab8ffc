"""The run that an artefact was exported from: `find_run(path, digest)`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.detect import detect
from cnnkit.graph.weights import Weights
from cnnkit.runs.find import CONFIG_FILE, LAST_FILE, RUNS, WEIGHTS_FILE, find_weights


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
            "pass them with --weights; a file of a model of others is compared with that model by "
            "`cnnkit verify FILE --against MODEL`",
        )
    return found[1]


def find_settings(path: Path, digest: str) -> dict[str, Any] | None:
    """Return the settings of the run that an artefact was exported from; None if none has it.

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
        settings = json.loads((file.parent / CONFIG_FILE).read_text())
    except (OSError, ValueError, RecursionError):
        return None  # a weights file that was copied out of its run
    return settings if isinstance(settings, dict) else None


def _search(digest: str) -> tuple[Path, Weights] | None:
    """Return the weights file under RUNS that holds these weights, and them; None if none does."""
    kept, last = (sorted(RUNS.glob(f"*/*/{name}")) for name in (WEIGHTS_FILE, LAST_FILE))
    for file in (*kept, *last):
        try:
            weights = read_weights(file)
        except CnnkitError:
            continue  # damaged, or of another version
        if weights.sha256 == digest:
            return file, weights
    return None
