"""The run folder: everything in it is derived from one file, the training state.

    runs/train/mnist-1/
        resume.safetensors   the training state: parameters, Adam's moments, history, config
        weights.safetensors  the network to use: the last epoch, or the best on validation images
        config.json  metrics.csv  metrics.jsonl  manifest.json  train.log
        loss.png  loss.svg  confusion.png  confusion.svg

The state is written first and atomically. So a kill at any time loses at most the current epoch,
and `publish` brings the other files up to date with the state.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cnnkit.errors import CnnkitError, InputError, StorageError
from cnnkit.formats.checkpoint import FORMAT_VERSION, read_weights, write_weights
from cnnkit.runs.find import CONFIG_FILE, WEIGHTS_FILE
from cnnkit.runs.manifest import MANIFEST_FILE
from cnnkit.runs.state import RECORD, STATE_FILE, RunState
from cnnkit.system.files import write_text
from cnnkit.system.locks import held, remove_stale

FINISHED, DIVERGED = "finished", "diverged"  # statuses of a run with nothing left to train
LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}(\..+)?")
PATIENCE = 2.0  # seconds, in which a process that is being killed ends
PICTURES = ("loss.png", "loss.svg", "confusion.png", "confusion.svg")


def publish(folder: Path, state: RunState, status: str, pictures: bool = False) -> None:
    """Write all files but the state, each atomically; the manifest, with `status`, comes last.

    Raises:
        StorageError: a file cannot be written.
    """
    _write_json(folder / CONFIG_FILE, {"format_version": FORMAT_VERSION, **state.config})
    if state.history:
        lines = "".join(json.dumps(record) + "\n" for record in state.history)
        write_text(folder / "metrics.jsonl", lines)
        write_text(folder / "metrics.csv", _csv(state.history))
        write_weights(folder / WEIGHTS_FILE, state.weights())
    if state.history and pictures:
        from cnnkit.plots import plot_confusion, plot_loss

        plot_loss(state.history, folder / "loss")
        plot_confusion(state.confusion, state.dataset["names"], folder / "confusion")
    manifest = {
        "format_version": FORMAT_VERSION,
        "status": status,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "epochs": len(state.history),
        "kept_epoch": state.kept_epoch,
        "test_accuracy": state.test_accuracy if state.history else None,
        "training_seconds": round(sum(epoch["seconds"] for epoch in state.history), 3),
        "seed": state.config["seed"],
        "engine": state.config["engine"],
        "dataset": state.dataset,
        "weights_sha256": state.weights().sha256 if state.history else None,
        "sessions": state.sessions,
    }
    _write_json(folder / MANIFEST_FILE, manifest)


def published_status(folder: Path) -> str | None:
    """Return the status from a run's manifest, which is written last; None if there is none."""
    try:
        return str(json.loads((folder / MANIFEST_FILE).read_text())["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_published(folder: Path, state: RunState) -> bool:
    """Return whether a run's weights file is whole and holds what the training state keeps."""
    if not state.history:
        return True  # there is nothing to publish yet
    try:
        published = read_weights(folder / WEIGHTS_FILE)
    except CnnkitError:
        return False
    kept = state.weights()
    return published.sha256 == kept.sha256 and published.metadata == kept.metadata


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that `replacing` left behind when the process was killed."""
    remove_stale(folder, LEFTOVER)


def check_free(folder: Path) -> None:
    """Check that an output folder is absent or empty: nothing is ever overwritten.

    What a process left that was killed before its first state is removed.

    Raises:
        InputError: it is not.
    """
    if (folder / STATE_FILE).exists():
        raise InputError(
            folder,
            "already holds a run",
            f"continue it with `cnnkit train --resume {folder}`, or choose another --output",
        )
    remove_leftovers(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(folder, "is not an empty folder", "choose another --output")


def claim_folder(wanted: Path | None, parent: Path, name: str) -> Path:
    """Create and return the run folder: `wanted`, or the first free `parent/name-<n>`.

    Raises:
        StorageError: it cannot be created.
    """
    number = 0
    while True:
        number += 1
        folder = wanted or parent / f"{name}-{number}"
        try:
            # A default folder that exists belongs to another run: try the next number.
            folder.mkdir(parents=True, exist_ok=wanted is not None)
            return folder
        except OSError as error:
            if wanted is None and isinstance(error, FileExistsError) and folder.exists():
                continue
            raise StorageError(
                folder, f"cannot be created ({error.strerror or error})", "choose another --output"
            ) from error


@contextmanager
def sole_training(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a run folder.

    Raises:
        InputError: one of them already does.
    """
    with held(folder, PATIENCE) as ours:
        if ours is False:
            raise InputError(
                folder, "is used by another training", "wait for its end, or choose another folder"
            )
        yield


def _write_json(path: Path, value: dict[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=2) + "\n")


def _csv(history: list[dict[str, Any]]) -> str:
    """Return one row per epoch, with empty fields for what was not measured."""
    text = io.StringIO()
    writer = csv.DictWriter(text, RECORD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()
