"""What artefacts say of themselves, read without running them: `read_contract(path)["names"]`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cnnkit.checkpoint import find_weights, read_weights
from cnnkit.data import Dataset, load_dataset
from cnnkit.errors import InputError
from cnnkit.export import contract
from cnnkit.export.c import read_c
from cnnkit.export.onnx_file import read_onnx
from cnnkit.export.pt2 import read_pt2
from cnnkit.export.torchscript import read_torchscript
from cnnkit.sniff import sniff


def read_contract(path: Path) -> dict[str, Any]:
    """Return an artefact's metadata as JSON values; needs no runtime.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or not a file of ours.
    """
    return READERS[sniff(path)](path)


READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "c": lambda path: read_c(path).metadata,
    "onnx": lambda path: contract.decode(path, read_onnx(path).metadata, "an ONNX file"),
    "torchscript": lambda path: contract.decode(
        path, read_torchscript(path), "a TorchScript archive"
    ),
    "pt2": lambda path: contract.decode(path, read_pt2(path)[0], "a torch.export archive"),
    "weights": lambda path: contract.metadata(read_weights(find_weights(path))),
}


def load_dataset_of(
    paths: Sequence[Path], name: str | None = None, folder: Path | None = None, quiet: bool = False
) -> Dataset:
    """Load the data that artefacts were trained for, unless `name` says which.

    Args:
        paths: the artefacts.
        name: a key of `cnnkit.data.DATASETS`.
        folder: an IDX folder instead of the cache.
        quiet: show no progress.

    Raises:
        InputError: the artefacts were trained for different data, or one is not ours.
        NetworkError: the data is not here and no source can be reached.
    """
    stated = {str(read_contract(path).get("cnnkit.dataset", "mnist")) for path in paths}
    if name is None and len(stated) > 1:
        raise InputError(
            ", ".join(map(str, paths)),
            f"were trained for different data ({', '.join(sorted(stated))})",
            "name them in separate commands, or choose the data with --dataset",
        )
    return load_dataset(name or stated.pop(), folder, quiet)
