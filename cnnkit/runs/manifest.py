"""A run's manifest, and the comparison of its weights with it: `check_manifest(file)`.

The weights file has a checksum of its own. The manifest tells further whether it is the network
that this run trained; for files from before there was a checksum, nothing else does.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.weights import Weights
from cnnkit.runs.state import STATE_FILE, RunState, read_state
from cnnkit.system.files import read_bytes

MANIFEST_FILE = "manifest.json"


def check_manifest(file: Path) -> None:
    """Compare a weights file with the manifest beside it, if a run's is there.

    Raises:
        StorageError: one of them cannot be read.
        InputError: they tell of different networks, or one is damaged.
    """
    path = file.with_name(MANIFEST_FILE)
    if not path.exists():
        return
    try:
        stated = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(
            path,
            f"is damaged ({error}), so {file.name} cannot be compared with it",
            _remedy(file.parent),
        ) from error
    if not isinstance(stated, dict) or not stated.get("weights_sha256"):
        return  # another program's, or of a run without a complete epoch
    try:
        weights = read_weights(file)
    except InputError as error:
        raise InputError(file, error.reason, _remedy(file.parent, error.remedy)) from error
    differing = ", ".join(differences(weights, stated))
    state = _state(file.parent) if differing else None
    if state is not None and is_kept(weights, state):
        # A training that is under way, or was killed, may have written the weights of a later
        # epoch and not yet the manifest.
        epochs = stated.get("epochs")
        if not isinstance(epochs, int) or epochs >= len(state.history):
            raise InputError(
                path,
                f"tells of another network than {file.name} and {STATE_FILE} beside it: damaged "
                f"or replaced (it differs in {differing})",
                _remedy(file.parent),
            )
    elif differing:
        raise InputError(
            file,
            f"is not the network that {MANIFEST_FILE} beside it tells of: damaged or replaced "
            f"(it differs in {differing})",
            _remedy(file.parent),
        )


def resume_command(folder: Path) -> str:
    """Return the command that continues a run, as a shell takes it."""
    return shlex.join(["cnnkit", "train", "--resume", str(folder)])


def _remedy(folder: Path, otherwise: str = "use an undamaged copy of the run") -> str:
    if _state(folder) is None:
        return otherwise
    return f"write it again from the training state with `{resume_command(folder)}`"


def differences(weights: Weights, manifest: dict[str, Any]) -> list[str]:
    """Return what a manifest states otherwise than the weights file."""
    data = manifest.get("dataset")
    data = data if isinstance(data, dict) else {}
    stated = {
        "names": data.get("names"),
        "dataset": data.get("name"),
        "dataset_sha256": data.get("sha256"),
        "test_accuracy": manifest.get("test_accuracy"),
    }
    known = weights.metadata
    different = [] if weights.sha256 == manifest.get("weights_sha256") else ["its parameters"]
    return different + [
        key
        for key, value in stated.items()
        if value is not None and known.get(key) is not None and value != known[key]
    ]


def is_kept(weights: Weights, state: RunState) -> bool:
    """Return whether weights are those of a training state, which is written before them."""
    kept = state.weights()
    return (kept.sha256, kept.metadata) == (weights.sha256, weights.metadata)


def _state(folder: Path) -> RunState | None:
    try:
        return read_state(folder)
    except CnnkitError:
        return None
