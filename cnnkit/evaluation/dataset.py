"""The data that artefacts were trained on: `load_dataset_of([path])`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnkit.data.dataset import Dataset
from cnnkit.data.load import load_dataset
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.registry import OWN, recorded_name
from cnnkit.errors import InputError
from cnnkit.formats.detect import read_contract
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.runs.find import find_weights
from cnnkit.runs.origin import find_settings

REMEDY = "name the folder of its data with --data"


def load_dataset_of(
    paths: Sequence[Path],
    name: str | None = None,
    folder: Path | None = None,
    quiet: bool = False,
    run: Path | None = None,
) -> Dataset:
    """Load the data that artefacts were trained on, unless `name` or `folder` says which.

    A person's own data is looked for where the run that an artefact was made from has it. Pictures
    are prepared and split as for that run; if they are others, all are for the test, unless the
    data says which are.

    Args:
        paths: the artefacts.
        name: a key of `cnnkit.data.DATASETS`.
        folder: own data instead of the cache.
        quiet: show no progress.
        run: the run they were made from; None finds it among the runs.

    Raises:
        InputError: the artefacts were trained on different data, one is not ours, or its own data
            is not where the run had it.
        NetworkError: the data is not here and no source can be reached.
    """
    if folder is not None:
        return _load_folder(paths, folder, quiet, run)
    if name is not None:
        return load_dataset(name, quiet=quiet)
    contracts = {path: read_contract(find_weights(path)) for path in paths}
    for path, contract in contracts.items():
        if not _names_data(contract):
            raise InputError(path, "does not say what data it was trained for", REMEDY)
    stated = {path: _stated(contract) for path, contract in contracts.items()}
    path, (found, digests) = next(iter(stated.items()))
    if any(other != (found, digests) for other in stated.values()):
        names = sorted({other for other, _ in stated.values()})
        raise InputError(
            ", ".join(map(str, paths)),
            f"were trained on different data ({', '.join(names)})",
            "name them in separate commands, or choose the data with --dataset",
        )
    if found == OWN:
        return _load_own(path, contracts[path]["cnnkit.weights_sha256"], digests, run, quiet)
    return load_dataset(found, quiet=quiet)


def tells_data(path: Path) -> bool:
    """Tell whether an artefact of ours, or a run, says what data it was trained on.

    Raises:
        StorageError, InputError: it cannot be read.
    """
    return _names_data(read_contract(find_weights(path)))


def _names_data(contract: Mapping[str, Any]) -> bool:
    # Files from before there were sizes in the record were all of MNIST.
    record = contract.get("cnnkit.preprocessing")
    return "cnnkit.dataset" in contract or not (isinstance(record, dict) and "size" in record)


def _stated(contract: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return what metadata say of the data: its name, and its digests where that has to do."""
    digests = dict(contract.get("cnnkit.dataset_sha256") or {})
    name = recorded_name(str(contract.get("cnnkit.dataset", "mnist")), digests)
    return name, digests if name == OWN else {}


def _load_own(
    path: Path, weights: str, digests: dict[str, str], run: Path | None, quiet: bool
) -> Dataset:
    """Load own data from where the run of an artefact with these weights has it."""
    settings = find_settings(run or path, weights)
    if settings is None or not isinstance(settings.get("data"), str):
        raise InputError(path, "was trained on own data, and no run tells where that is", REMEDY)
    folder = Path(settings["data"])
    if not folder.exists():
        raise InputError(path, f"was trained on the data in {folder}, which is not there", REMEDY)
    data = load_dataset(folder=folder, quiet=quiet, options=PictureOptions.of(settings))
    if data.sha256 != digests:
        raise InputError(folder, f"is not the data that {path} was trained on any more", REMEDY)
    return data


def _load_folder(paths: Sequence[Path], folder: Path, quiet: bool, run: Path | None) -> Dataset:
    """Load a folder that the user names, pictures as the first artefact wants them."""
    try:
        contract = read_contract(find_weights(paths[0]))
        record = Preprocessing.from_json(contract["cnnkit.preprocessing"])
    except (InputError, KeyError, ValueError):
        return load_dataset("mnist", folder, quiet)  # another tool's file, or no pictures
    settings = find_settings(run or paths[0], contract["cnnkit.weights_sha256"]) or {}
    options = picture_options(PictureOptions.of(settings), record)
    if settings:
        with suppress(InputError):  # other pictures may not be splittable as those were
            data = load_dataset("mnist", folder, True, options)
            if data.sha256 == contract.get("cnnkit.dataset_sha256"):
                return data
    return load_dataset("mnist", folder, quiet, replace(options, classes=tuple(contract["names"])))


def picture_options(options: PictureOptions, record: Preprocessing) -> PictureOptions:
    """Return options with the size, fit and colour that a network's pictures had."""
    if record.resize.mode == "none" or record.colour == "channels":
        return options
    return replace(options, size=record.size[1:], fit=record.resize.mode, color=record.colour)
