"""The run folder: one state file is the truth, and everything else is written from it.

    runs/train/mnist-1/
        resume.safetensors   the truth: parameters, Adam's moments, history, config
        weights.safetensors  the network to use: the last epoch, or the best on validation images
        config.json  metrics.csv  metrics.jsonl  manifest.json  train.log
        loss.png  loss.svg  confusion.png  confusion.svg

The state is written first and whole. So a kill at any moment loses at most the epoch under way, and
`publish` makes the rest agree with the state again.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError, StorageError
from cnnkit.formats.checkpoint import FORMAT_VERSION, write_weights
from cnnkit.runs.find import CONFIG_FILE, WEIGHTS_FILE
from cnnkit.runs.state import RECORD, STATE_FILE, RunState
from cnnkit.system.files import write_text

MANIFEST_FILE = "manifest.json"
FINISHED, DIVERGED = "finished", "diverged"  # how a run ends that has nothing more to train
PICTURES = ("loss.png", "loss.svg", "confusion.png", "confusion.svg")


def publish(folder: Path, state: RunState, status: str, pictures: bool = False) -> None:
    """Write everything but the state itself, each file whole; the manifest, with `status`, last.

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
    """Return a run's last word, said when every file was written; None if there is none."""
    try:
        return str(json.loads((folder / MANIFEST_FILE).read_text())["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_leftovers(folder: Path) -> None:
    """Remove what a kill left of a file under way, which `replacing` writes beside it."""
    for path in folder.glob(f".*.{'[0-9a-f]' * 8}.*"):
        path.unlink(missing_ok=True)


def check_free(folder: Path) -> None:
    """Refuse an output folder that holds anything: nothing is ever overwritten.

    Raises:
        InputError: it is neither absent nor an empty folder.
    """
    if (folder / STATE_FILE).exists():
        raise InputError(
            folder,
            "already holds a run",
            f"go on with `cnnkit train --resume {folder}`, or choose another --output",
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(folder, "is not an empty folder", "choose another --output")


def claim_folder(wanted: Path | None, parent: Path, name: str) -> Path:
    """Make and return the run's folder: `wanted`, or the first free `parent/name-<n>`.

    Raises:
        StorageError: it cannot be made.
    """
    number = 0
    while True:
        number += 1
        folder = wanted or parent / f"{name}-{number}"
        try:
            # A default folder that appears meanwhile belongs to another run: take the next number.
            folder.mkdir(parents=True, exist_ok=wanted is not None)
            return folder
        except OSError as error:
            if wanted is None and isinstance(error, FileExistsError) and folder.exists():
                continue
            raise StorageError(
                folder, f"cannot be made ({error.strerror or error})", "choose another --output"
            ) from error


def _write_json(path: Path, value: dict[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=2) + "\n")


def _csv(history: list[dict[str, Any]]) -> str:
    """Return one row an epoch, with an empty field where nothing was measured."""
    text = io.StringIO()
    writer = csv.DictWriter(text, RECORD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()
