"""The run folder: one state file is the truth, and everything else is written from it.

    runs/train/mnist-1/
        resume.safetensors   the truth: parameters, Adam's moments, history, config
        weights.safetensors  the network to use: the last epoch, or the best on validation data
        config.json  metrics.csv  metrics.jsonl  manifest.json  train.log
        loss.png  loss.svg  confusion.png  confusion.svg

The state is written first and whole. A kill at any moment loses at most the epoch under way, and
`publish` makes the rest agree with the state again.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.architecture import Architecture
from cnnkit.checkpoint import (
    FORMAT_VERSION,
    WEIGHTS_FILE,
    Weights,
    read_tensors,
    write_tensors,
    write_weights,
)
from cnnkit.errors import InputError, StorageError
from cnnkit.files import write_text
from cnnkit.plots import plot_confusion, plot_loss

STATE_FILE = "resume.safetensors"
KIND = "training state"
KEPT, CONFUSION = "kept/", "confusion"


@dataclass
class State:
    """All that a run is after its last complete epoch.

    Attributes:
        config: the resolved hyperparameters, JSON values.
        dataset: `name`, `sha256` (by file) and `names` (the K labels) of the data.
        architecture: the network's shapes.
        engine: the engine's arrays: parameters, Adam's moments, step.
        kept: the parameters to publish, float32 by name; those of epoch `kept_epoch`.
        confusion: int64 [K, K] of the kept parameters on the test set, rows the true class.
        kept_epoch: 0 while no epoch is complete.
        history: one record per complete epoch.
        facts: what the manifest tells of the machine, the versions and the dates.
    """

    config: dict[str, Any]
    dataset: dict[str, Any]
    architecture: Architecture
    engine: dict[str, NDArray[np.float32]]
    kept: dict[str, NDArray[np.float32]]
    confusion: NDArray[np.int64]
    kept_epoch: int
    history: list[dict[str, Any]]
    facts: dict[str, Any]

    @property
    def test_accuracy(self) -> float:
        """Share of the test images that the kept parameters get right, 0 to 1."""
        return float(np.trace(self.confusion) / max(1, self.confusion.sum()))

    def weights(self) -> Weights:
        """Return the kept network as it is published."""
        training = {key: self.config[key] for key in ("batch_size", "learning_rate", "seed")}
        return Weights(
            self.architecture,
            self.kept,
            {
                "names": self.dataset["names"],
                "dataset": self.dataset["name"],
                "dataset_sha256": self.dataset["sha256"],
                "test_accuracy": self.test_accuracy,
                "training": {"epochs": self.kept_epoch, **training},
            },
        )


def write_state(folder: Path, state: State) -> None:
    """Write the truth of a run."""
    kept = {KEPT + name: array for name, array in state.kept.items()}
    write_tensors(
        folder / STATE_FILE,
        {**state.engine, **kept, CONFUSION: state.confusion},
        {
            "kind": KIND,
            "config": state.config,
            "dataset": state.dataset,
            "architecture": state.architecture.to_json(),
            "kept_epoch": state.kept_epoch,
            "history": state.history,
            "facts": state.facts,
        },
    )


def read_state(folder: Path) -> State:
    """Read the truth of a run.

    Raises:
        StorageError: the state cannot be read.
        InputError: the folder holds no run, or its state is damaged or of another version.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        raise InputError(
            folder, f"is no run that can go on (it holds no {STATE_FILE})", "name a run folder"
        )
    tensors, header = read_tensors(path)
    try:
        if header["kind"] != KIND:
            raise KeyError("kind")
        architecture = Architecture.from_json(header["architecture"])
        names = architecture.parameter_shapes()
        return State(
            config=header["config"],
            dataset=header["dataset"],
            architecture=architecture,
            engine={
                name: array
                for name, array in tensors.items()
                if name != CONFUSION and not name.startswith(KEPT)
            },
            kept={name: tensors[KEPT + name] for name in names},
            confusion=tensors[CONFUSION],
            kept_epoch=header["kept_epoch"],
            history=header["history"],
            facts=header["facts"],
        )
    except KeyError as error:
        raise InputError(
            path, f"is no training state ({error} is missing)", "name the folder of a training run"
        ) from error


def publish(folder: Path, state: State, status: str, pictures: bool) -> None:
    """Write everything but the state itself, each file whole, from `state`."""
    write_json(folder / "config.json", {"format_version": FORMAT_VERSION, **state.config})
    if state.history:
        write_text(folder / "metrics.csv", as_csv(state.history))
        lines = "".join(json.dumps(record) + "\n" for record in state.history)
        write_text(folder / "metrics.jsonl", lines)
        write_weights(folder / WEIGHTS_FILE, state.weights())
        if pictures:
            plot_loss(state.history, folder / "loss")
            plot_confusion(state.confusion, state.dataset["names"], folder / "confusion")
    write_json(
        folder / "manifest.json",
        {
            "format_version": FORMAT_VERSION,
            "status": status,
            "epochs_complete": len(state.history),
            "kept_epoch": state.kept_epoch,
            "test_accuracy": state.test_accuracy if state.history else None,
            "training_seconds": round(sum(epoch["seconds"] for epoch in state.history), 3),
            "dataset": state.dataset,
            "seed": state.config["seed"],
            **state.facts,
        },
    )


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON for people and programs alike."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def as_csv(history: list[dict[str, Any]]) -> str:
    """Return the history as CSV, one row an epoch, empty where there is no value."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


def claim_folder(wanted: Path | None, parent: Path, name: str) -> Path:
    """Make and return the run's folder: `wanted`, or the first free `parent/name-<n>`.

    Raises:
        InputError: `wanted` holds something already.
        StorageError: the folder cannot be made.
    """
    if wanted is not None:
        check_free(wanted)
    number = 0
    while True:
        number += 1
        folder = wanted or parent / f"{name}-{number}"
        try:
            folder.mkdir(parents=True, exist_ok=wanted is not None)
        except FileExistsError:
            continue
        except OSError as error:
            raise StorageError(
                folder, f"cannot be made ({error.strerror or error})", "choose another --output"
            ) from error
        return folder


def check_free(folder: Path) -> None:
    """Refuse an output folder that holds anything: a run is never overwritten.

    Raises:
        InputError: it is not an empty or absent folder.
    """
    if (folder / STATE_FILE).exists():
        raise InputError(
            folder,
            "already holds a run",
            f"continue it with `cnnkit train --resume {folder}`, or choose another --output",
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(folder, "is not an empty folder", "choose another --output")
