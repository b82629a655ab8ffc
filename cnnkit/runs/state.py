"""The training state of a run, in one file: `state = read_state(Path("runs/train/mnist-1"))`."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import ops
from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError, MissingError
from cnnkit.formats.checkpoint import (
    CHECKSUM,
    constants,
    network_header,
    read_network,
    read_tensors,
    write_tensors,
)
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import for_inference, with_tensors
from cnnkit.graph.weights import Weights
from cnnkit.metrics import ClassScore, class_scores
from cnnkit.runs.training_state import check_state, parameters
from cnnkit.system.cpu import cpu_name
from cnnkit.system.packages import find_version

STATE_FILE = "resume.safetensors"
KEPT, CONSTANT, CONFUSION = "kept/", "constant/", "confusion"
RECORD = (  # keys of an epoch's record, in the order of metrics.csv; None where not measured
    *("epoch", "learning_rate", "train_loss", "train_accuracy", "validation_loss"),
    *("validation_accuracy", "test_accuracy", "seconds", "images_per_second"),
)
EXTRA_RECORD = ("validation_balanced_accuracy",)  # keys that only some runs' records have
# Keys of the config that the weights tell of where they are not as given here.
TOLD = {"augment": "none", "class_weights": "none", "label_smoothing": 0.0, "warmup": 0}
Mistake = tuple[int, int, float]  # index of a test image, its predicted class, the probability


@dataclass
class RunState:
    """Everything about a run as of its last complete epoch.

    Attributes:
        config: all settings, as JSON values.
        dataset: `name`, `names` (the K labels) and `sha256` (by file) of the data, and for pictures
            their `preprocessing`.
        graph: the network, with any values of what training changes.
        engine: the engine's arrays: parameters, Adam's moments, number of steps.
        kept: the parameters to publish, those of epoch `kept_epoch`.
        kept_epoch: the last epoch, or that of the lowest validation loss; 0 before the first ends.
        confusion: confusion matrix int64 [K, K] of the kept parameters on the test set, a row per
            true class.
        history: one record per complete epoch, with the keys RECORD and some of EXTRA_RECORD.
        sessions: software, hardware and time of the start and of each resumption.
        mistakes: the test images that the kept parameters get wrong with the highest probability.
        quantisation: by which scales a fine-tuned network was trained; None of any other.
    """

    config: dict[str, Any]
    dataset: dict[str, Any]
    graph: Graph
    engine: dict[str, NDArray[np.float32]]
    kept: dict[str, NDArray[np.float32]]
    kept_epoch: int
    confusion: NDArray[np.int64]
    history: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    mistakes: list[Mistake] = field(default_factory=list)
    quantisation: dict[str, Any] | None = None

    @classmethod
    def new(
        cls,
        config: dict[str, Any],
        data: Dataset,
        graph: Graph,
        engine: dict[str, NDArray[np.float32]],
        quantisation: dict[str, Any] | None = None,
    ) -> RunState:
        """Return the state before the first step."""
        return cls(
            config=config,
            dataset=_describe(data),
            graph=graph,
            engine=engine,
            kept=parameters(engine),
            kept_epoch=0,
            confusion=np.zeros((len(data.names), len(data.names)), np.int64),
            history=[],
            sessions=[],
            quantisation=quantisation,
        )

    @property
    def out_of_patience(self) -> bool:
        """Whether validation has not improved for as many epochs as the config allows."""
        patience = self.config["patience"]
        return patience is not None and len(self.history) - self.kept_epoch >= patience

    @property
    def complete(self) -> bool:
        """Whether no epoch is left to train."""
        return len(self.history) >= self.config["epochs"] or self.out_of_patience

    @property
    def test_accuracy(self) -> float:
        """Accuracy of the kept parameters on the test images, 0 to 1."""
        return float(self.confusion.trace() / max(1, self.confusion.sum()))

    @property
    def per_class(self) -> tuple[ClassScore, ...]:
        """Scores of the kept parameters on the test images."""
        return class_scores(self.confusion, self.dataset["names"])

    def weights(self) -> Weights:
        """Return the kept network as it is published, without dates and paths."""
        return self._published(self.kept, self.kept_epoch, self.test_accuracy)

    def last_weights(self) -> Weights | None:
        """Return the network of the last epoch likewise; None if it is the one that is kept."""
        if self.kept_epoch == len(self.history):
            return None
        accuracy = self.history[-1]["test_accuracy"]
        return self._published(parameters(self.engine), len(self.history), accuracy)

    def _published(
        self, tensors: dict[str, NDArray[np.float32]], epochs: int, accuracy: float
    ) -> Weights:
        keys = ("batch_size", "learning_rate", "schedule", "weight_decay", "seed")
        settings = {key: self.config[key] for key in keys}
        for key, usual in TOLD.items():
            value = self.config.get(key, usual)
            if value != usual:
                settings[key] = json.dumps(value) if isinstance(value, dict) else value
        metadata: dict[str, Any] = {
            "names": self.dataset["names"],
            "dataset": self.dataset["name"],
            "dataset_sha256": self.dataset["sha256"],
            "test_accuracy": accuracy,
            "training": {"epochs": epochs, **settings},
        }
        if "preprocessing" in self.dataset:
            metadata["preprocessing"] = self.dataset["preprocessing"]
        if self.quantisation is not None:
            metadata["quantisation"] = self.quantisation
        return Weights(for_inference(with_tensors(self.graph, tensors)), metadata)


def _describe(data: Dataset) -> dict[str, Any]:
    """Return what a run keeps of its data."""
    about = {"name": data.name, "names": list(data.names), "sha256": data.sha256}
    if data.preprocessing is not None:
        about["preprocessing"] = data.preprocessing.to_json(scaled_inside=True)
    return about


def describe_session(
    engine: str, device: str, first_epoch: int, processes: int = 1
) -> dict[str, Any]:
    """Return the software, hardware and time of a start or resumption of a run."""
    try:
        isa: str | None = ops.isa()
    except MissingError:  # the extension is not built; PyTorch's engine trains without it
        isa = None
    return {
        "first_epoch": first_epoch,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "engine": engine,
        **{package: find_version(package) for package in ("cnnkit", "torch", "numpy")},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "isa": isa,
        "device": device,
        "processes": processes,
        "threads": 1,
    }


def write_state(folder: Path, state: RunState) -> None:
    """Write the training state atomically."""
    tensors: dict[str, NDArray[Any]] = {
        **{CONSTANT + name: array for name, array in constants(state.graph).items()},
        **state.engine,
        **{KEPT + name: array for name, array in state.kept.items()},
        CONFUSION: state.confusion,
    }
    header = {
        "kind": "training state",
        "config": state.config,
        "dataset": state.dataset,
        **network_header(state.graph),
        "kept_epoch": state.kept_epoch,
        "history": state.history,
        "sessions": state.sessions,
        "mistakes": state.mistakes,
    }
    if state.quantisation is not None:
        header["quantisation"] = state.quantisation
    write_tensors(folder / STATE_FILE, tensors, header)


def read_state(folder: Path) -> RunState:
    """Read the training state of a run.

    Raises:
        StorageError: the state cannot be read.
        InputError: the folder holds no run, or its state is damaged or of another version.
    """
    path = folder / STATE_FILE
    if not path.exists():
        raise InputError(
            folder, f"holds no run to resume: {STATE_FILE} is missing", "give a run folder"
        )
    tensors, header = read_tensors(path)
    if header.get("kind") != "training state" or not _has_checksum(tensors, header):
        raise InputError(
            path, "is damaged or not a training state", "start again with another --output"
        )
    try:
        return _state(path, tensors, header)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            path,
            f"is an incomplete training state ({error!r})",
            "start again with another --output",
        ) from error


def _state(path: Path, tensors: dict[str, NDArray[Any]], header: dict[str, Any]) -> RunState:
    fixed = {n.removeprefix(CONSTANT): tensors.pop(n) for n in [*tensors] if n.startswith(CONSTANT)}
    kept = {n.removeprefix(KEPT): tensors.pop(n) for n in [*tensors] if n.startswith(KEPT)}
    graph = read_network(path, header, {**kept, **fixed})
    confusion = tensors.pop(CONFUSION)
    check_state(tensors, graph, path)
    # Records from before schedules existed lack their rate, which was the run's constant one.
    rate = {"learning_rate": header["config"]["learning_rate"]}
    return RunState(
        config=header["config"],
        dataset=header["dataset"],
        graph=graph,
        engine=tensors,
        kept=kept,
        kept_epoch=header["kept_epoch"],
        confusion=confusion,
        history=[_record({**rate, **record}) for record in header["history"]],
        sessions=header["sessions"],
        mistakes=[(int(i), int(k), float(p)) for i, k, p in header.get("mistakes", [])],
        quantisation=header.get("quantisation"),
    )


def _record(stored: dict[str, Any]) -> dict[str, Any]:
    extra = [key for key in EXTRA_RECORD if key in stored]
    return {key: stored[key] for key in (*RECORD, *extra)}


def _has_checksum(tensors: dict[str, NDArray[Any]], header: dict[str, Any]) -> bool:
    """Return whether a state has a checksum that is right; `read_tensors` compares today's."""
    if CHECKSUM in header:
        return True
    # States of cnnkit 0.1 have one of the tensors' names and bytes.
    rest = {key: header[key] for key in header.keys() - {"format_version", "digest"}}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode() + np.ascontiguousarray(tensors[name]).tobytes())
    return header.get("digest") == digest.hexdigest()
