"""The data that artefacts were trained for: `load_dataset_of([path])`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cnnkit.data.dataset import Dataset, load_dataset
from cnnkit.errors import InputError
from cnnkit.formats.detect import read_contract
from cnnkit.runs.find import find_weights


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
    stated = {
        str(read_contract(find_weights(path)).get("cnnkit.dataset", "mnist")) for path in paths
    }
    if name is None and len(stated) > 1:
        raise InputError(
            ", ".join(map(str, paths)),
            f"were trained for different data ({', '.join(sorted(stated))})",
            "name them in separate commands, or choose the data with --dataset",
        )
    return load_dataset(name or stated.pop(), folder, quiet)
