"""Runs beside each other: `find_runs()`, `compare_runs([a, b])`, `remove_run(folder)`.

Everything is read from what a run publishes: its manifest, config and metrics.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError, StorageError
from cnnkit.runs.find import CONFIG_FILE, LAST_FILE, RUNS, WEIGHTS_FILE
from cnnkit.runs.folder import LEFTOVER, PICTURES, SPLIT_FILE
from cnnkit.runs.manifest import MANIFEST_FILE
from cnnkit.runs.state import STATE_FILE
from cnnkit.system.locks import held

METRICS_FILE = "metrics.jsonl"
PLOTTED = ("epoch", "train_loss", "test_accuracy")  # of an epoch's record
# What a training writes into its folder; `remove_run` touches nothing else.
OURS = {
    *(STATE_FILE, WEIGHTS_FILE, LAST_FILE, CONFIG_FILE, MANIFEST_FILE, SPLIT_FILE, METRICS_FILE),
    *("config.toml", "metrics.csv", "train.log", "tensorboard"),
    *PICTURES,
}


@dataclass(frozen=True)
class RunSummary:
    """What a run's files say of it.

    Attributes:
        folder: the run folder.
        status: "training", "interrupted", "finished" or "diverged".
        written: when its files were last written, ISO 8601.
        config: all settings.
        manifest: the manifest's values.
    """

    folder: Path
    status: str
    written: str
    config: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def dataset(self) -> str:
        """The name of the data."""
        known = self.manifest.get("dataset")
        return str(known.get("name", "unknown")) if isinstance(known, dict) else "unknown"

    @property
    def epochs(self) -> str:
        """The complete epochs of all."""
        return f"{self.manifest.get('epochs', 0)}/{self.config.get('epochs', '?')}"

    @property
    def accuracy(self) -> float | None:
        """The kept network's accuracy on the test images; None before the first epoch."""
        return as_number(self.manifest.get("test_accuracy"))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "run": str(self.folder),
            "status": self.status,
            "written": self.written,
            "dataset": self.dataset,
            "epochs": self.manifest.get("epochs"),
            "kept_epoch": self.manifest.get("kept_epoch"),
            "test_accuracy": self.accuracy,
            "training_seconds": self.manifest.get("training_seconds"),
            "config": self.config,
        }


def as_number(value: Any) -> float | None:
    """Return a number as it is; None for what is none."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def find_runs(root: Path = RUNS) -> list[RunSummary]:
    """Return all runs below a folder, the newest first; what is no run is passed over."""
    found = []
    for manifest in root.rglob(MANIFEST_FILE):
        try:
            found.append(read_run(manifest.parent))
        except (InputError, StorageError):
            continue
    return sorted(found, key=lambda run: (run.written, str(run.folder)), reverse=True)


def read_run(folder: Path) -> RunSummary:
    """Return what a run's files say.

    Raises:
        InputError: the folder holds no run, or its files are damaged.
        StorageError: they cannot be read.
    """
    manifest, config = (_read(folder, name) for name in (MANIFEST_FILE, CONFIG_FILE))
    status, written = manifest.get("status"), manifest.get("written")
    if not isinstance(status, str) or not isinstance(written, str):
        raise InputError(folder, "holds no run: its manifest lacks a status", "give a run folder")
    return RunSummary(folder, status, written, config, manifest)


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        values = json.loads((folder / name).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            folder, f"holds no run: {name} is missing", "give a run folder; `cnnkit runs` lists all"
        ) from error
    except OSError as error:
        raise StorageError(
            folder / name, f"cannot be read ({error.strerror})", "grant read permission"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(folder / name, f"is damaged ({error})", "use another run") from error
    if not isinstance(values, dict):
        raise InputError(folder / name, "is damaged (not a JSON object)", "use another run")
    return values


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Return a run's records, one per epoch; none before the first is complete.

    Raises:
        InputError: the file is damaged.
    """
    try:
        lines = (folder / METRICS_FILE).read_text("utf-8").splitlines()
        records = [dict(json.loads(line)) for line in lines]
        for name, value in ((name, record.get(name)) for record in records for name in PLOTTED):
            if value is not None and as_number(value) is None:
                raise ValueError(f"{name} is {value!r}")
        return records
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(
            folder / METRICS_FILE, f"is damaged ({error})", "use another run"
        ) from error


def compare_runs(runs: Sequence[RunSummary]) -> dict[str, list[Any]]:
    """Return each setting in which runs differ, with its value in every run."""
    names = dict.fromkeys(name for run in runs for name in run.config)
    told = {name: [run.config.get(name) for run in runs] for name in names if name != "output"}
    return {name: values for name, values in told.items() if any(v != values[0] for v in values)}


def remove_run(folder: Path) -> None:
    """Remove a run and its folder, with nothing else in it.

    Raises:
        InputError: it is no run, is in use, is a link, or holds files that no training wrote.
        StorageError: a file cannot be removed.
    """
    read_run(folder)
    if folder.is_symlink():
        raise InputError(folder, "is a link", "give the folder that it leads to")
    foreign = sorted(
        path.name
        for path in folder.iterdir()
        if path.name not in OURS and not LEFTOVER.fullmatch(path.name)
    )
    if foreign:
        raise InputError(
            folder,
            f"also holds what no training wrote: {', '.join(foreign)}",
            "move that elsewhere first",
        )
    with held(folder) as ours:
        if ours is False:
            raise InputError(folder, "is being trained", "stop that training first")
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise StorageError(
                folder, f"cannot be removed ({error.strerror})", "grant write permission"
            ) from error
