"""The run folder: everything in it is derived from one file, the training state.

    runs/train/mnist-1/
        resume.safetensors   the training state: parameters, Adam's moments, history, config
        weights.safetensors  the network to use: the last epoch, or the best on validation images
        split.csv            own pictures: which was used for what
        last.safetensors     the network of the last epoch, where it is another one
        config.json  config.toml  metrics.csv  metrics.jsonl  manifest.json  train.log
        loss.png  loss.svg  confusion.png  confusion.svg  errors.png  augment.png

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
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cnnkit.data.dataset import Dataset
from cnnkit.errors import CnnkitError, InputError, StorageError
from cnnkit.formats.checkpoint import FORMAT_VERSION, read_weights, write_weights
from cnnkit.metrics import balanced_accuracy
from cnnkit.runs.find import CONFIG_FILE, LAST_FILE, WEIGHTS_FILE
from cnnkit.runs.manifest import MANIFEST_FILE, differences, is_kept, resume_command
from cnnkit.runs.state import EXTRA_RECORD, RECORD, STATE_FILE, RunState
from cnnkit.system.files import remove, write_bytes, write_text
from cnnkit.system.locks import held, remove_stale

FINISHED, DIVERGED = "finished", "diverged"  # statuses of a run with nothing left to train
LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}(\..+)?")
PATIENCE = 2.0  # seconds, in which a process that is being killed ends
SPLIT_FILE = "split.csv"
PICTURES = (
    *("loss.png", "loss.svg", "confusion.png", "confusion.svg", "errors.png", "augment.png"),
)


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
        _write_last(folder / LAST_FILE, state)
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
        "balanced_accuracy": balanced_accuracy(state.per_class) if state.history else None,
        "per_class": [asdict(s) for s in state.per_class] if state.history else None,
        "training_seconds": round(sum(epoch["seconds"] for epoch in state.history), 3),
        "seed": state.config["seed"],
        "engine": state.config["engine"],
        "dataset": state.dataset,
        "weights_sha256": state.weights().sha256 if state.history else None,
        "sessions": state.sessions,
    }
    _write_json(folder / MANIFEST_FILE, manifest)


def write_split(folder: Path, data: Dataset) -> None:
    """Write which picture was used for what; `cnnkit train --manifest` takes the file again."""
    if data.samples:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("file_name", "label", "split", "sha256"))
        writer.writerows((path, name, split, digest) for split, name, path, digest in data.samples)
        # File names may be bytes that are not UTF-8.
        write_bytes(folder / SPLIT_FILE, text.getvalue().encode(errors="surrogateescape"))


def changed_samples(folder: Path, data: Dataset) -> list[str]:
    """Return a line for each picture that is not the one of `write_split`, or not for the same."""
    try:
        text = (folder / SPLIT_FILE).read_bytes().decode(errors="surrogateescape")
        rows = csv.DictReader(io.StringIO(text, newline=""))
        before = {row["file_name"]: row for row in rows}
    except (OSError, ValueError, KeyError, csv.Error):
        return []  # no pictures, or nothing is known of them
    now = {path: (split, name, digest) for split, name, path, digest in data.samples}
    lines = [f"{path} is gone" for path in before if path not in now]
    moved = []
    for path, (split, name, digest) in now.items():
        row = before.get(path)
        if row is None:
            lines.append(f"{path} is new")
        elif row.get("sha256") != digest:
            lines.append(f"{path} has another content")
        elif row.get("label") != name:
            lines.append(f"{path} is of class {name}, was of class {row.get('label')}")
        elif row.get("split") != split:
            moved.append(f"{path} is for {split}, was for {row.get('split')}")
    if lines and moved:  # which follows: a split is drawn from all contents
        moved = [f"and {len(moved):,} others are in another split"]
    return lines + moved


def published_status(folder: Path) -> str | None:
    """Return the status from a run's manifest, which is written last; None if there is none."""
    try:
        return str(json.loads((folder / MANIFEST_FILE).read_text())["status"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None


def is_published(folder: Path, state: RunState) -> bool:
    """Return whether a run's weights and manifest are whole and tell what its state keeps."""
    if not state.history:
        return True  # there is nothing to publish yet
    try:
        published = read_weights(folder / WEIGHTS_FILE)
        manifest = json.loads((folder / MANIFEST_FILE).read_text())
    except (CnnkitError, OSError, ValueError, RecursionError):
        return False
    return is_kept(published, state) and not differences(published, manifest)


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
        remedy = "choose another --output"
        if published_status(folder) not in (FINISHED, DIVERGED):
            remedy = f"continue it with `{resume_command(folder)}`, or {remedy}"
        raise InputError(folder, "already holds a run", remedy)
    remove_leftovers(folder)
    try:
        empty = not any(folder.iterdir())
    except FileNotFoundError:  # perhaps since a moment: another training may have given it up
        return
    except NotADirectoryError:  # it is a file, or it would lie in one, which is told later
        empty = not folder.exists()
    except OSError as error:
        raise StorageError(
            folder, f"cannot be read ({error.strerror or error})", "choose another --output"
        ) from error
    if not empty:
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


def _write_last(path: Path, state: RunState) -> None:
    last = state.last_weights()
    if last is not None:
        write_weights(path, last)
    else:
        remove(path)


def _csv(history: list[dict[str, Any]]) -> str:
    """Return one row per epoch, with empty fields for what was not measured."""
    text = io.StringIO()
    extra = [key for key in EXTRA_RECORD if key in history[0]]
    writer = csv.DictWriter(text, (*RECORD, *extra), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()
