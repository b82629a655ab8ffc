"""Images and labels: `dataset = load_dataset("mnist")`, or any IDX folder with `folder=`.

Sources in order: the folder that a person names, the cache, then what `cnnkit.data.download` can
reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from cnnkit.data.classes import class_names
from cnnkit.data.download import fetch, is_whole, read_origins
from cnnkit.data.idx import decompress, parse_idx
from cnnkit.data.registry import DATASETS, FILES, OWN, find_published, identify
from cnnkit.errors import InputError, StorageError
from cnnkit.system.files import read_bytes, sha256


@dataclass(frozen=True)
class Split:
    """Images, uint8 [N, C, H, W] of raw pixels, and their labels, int64 [N]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Two splits, and what is known about them.

    Attributes:
        name: a key of DATASETS, or OWN.
        train: what to learn from.
        test: what to judge by.
        names: the K class labels.
        sha256: of the four uncompressed IDX files, by standard file name.
        source: where the files came from.
    """

    name: str
    train: Split
    test: Split
    names: tuple[str, ...]
    sha256: dict[str, str]
    source: str


def cache_folder(name: str) -> Path:
    """Return where the files of a published data set are kept."""
    return platformdirs.user_cache_path("cnnkit") / name


def load_dataset(name: str = "mnist", folder: Path | None = None, quiet: bool = False) -> Dataset:
    """Load a data set by name, fetching and caching it first where needed.

    What comes from the cache or the network is the published file by its SHA-256, each time it is
    loaded. What a person's own folder holds is checked for form only: whole IDX files of uint8,
    images of one size, a label for each; its digests are recorded.

    Args:
        name: a key of DATASETS.
        folder: an IDX folder with the four standard files, plain or .gz, instead. It is a person's
            own data, whatever `name` says, unless its files are published ones by their SHA-256.
            Its classes are named in its classes.txt, or else called by their numbers.
        quiet: show no progress.

    Raises:
        InputError: the name is unknown, or a file in `folder` is missing, damaged or does not fit.
        NetworkError: no source has it.
        StorageError: a file cannot be read, or the cache cannot be written.
    """
    published = find_published(name)
    if folder is not None:
        return read_folder(Path(folder), str(folder))
    cache = cache_folder(name)
    if not all(is_whole(published, cache / file) for file in published.sha256):
        fetch(published, cache, quiet)
    origins = sorted(set(read_origins(cache).values()))
    return read_folder(cache, ", ".join(origins) or "cache")


def find_files(folder: Path) -> dict[str, Path]:
    """Return the paths of the four files by standard name: plain or .gz, '-' or '.' before idx.

    Images of several channels may stand in files that say so: idx4 instead of idx3.

    Raises:
        InputError: `folder` is none, or one of the files is not in it.
        StorageError: `folder` cannot be listed.
    """
    try:
        present = {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(folder, "is no folder", "name a folder with the four IDX files") from error
    except OSError as error:
        raise StorageError(
            folder, f"cannot be listed ({error.strerror})", "check its permissions"
        ) from error
    found = {}
    for name in FILES:
        ranks = (name, name.replace("-idx3", "-idx4"))
        stems = [*ranks, *(stem.replace("-idx", ".idx") for stem in ranks)]
        fitting = [stem + end for stem in stems for end in ("", ".gz") if stem + end in present]
        if not fitting:
            raise InputError(
                folder,
                f"holds no {name} (nor {name}.gz)",
                f"name a folder with {', '.join(FILES)}, plain or .gz",
            )
        found[name] = folder / fitting[0]
    return found


def read_folder(folder: Path, source: str) -> Dataset:
    """Read the four files of an IDX folder and check that they fit together."""
    paths = find_files(folder)
    packed = {file: read_bytes(path) for file, path in paths.items()}
    contents = {file: decompress(packed[file], path) for file, path in paths.items()}
    arrays = {file: parse_idx(contents[file], paths[file]) for file in FILES}
    train = pair(arrays, paths, *FILES[:2])
    test = pair(arrays, paths, *FILES[2:])
    if train.images.shape[1:] != test.images.shape[1:]:
        sizes = [_size(split) for split in (train, test)]
        raise InputError(
            paths[FILES[2]],
            f"has images of {sizes[1]}, {paths[FILES[0]].name} of {sizes[0]}",
            "use images of one size",
        )
    digests = {file: sha256(content) for file, content in contents.items()}
    gzipped = {f"{k}.gz": sha256(packed[k]) for k in FILES if packed[k] is not contents[k]}
    name = identify(digests | gzipped)
    if name is not None:
        names = DATASETS[name].names
    else:
        names = class_names(folder, int(max(train.labels.max(), test.labels.max())) + 1)
    return Dataset(name or OWN, train, test, names, digests, source)


def _size(split: Split) -> str:
    """Return "28x28", or "3x32x32" where there are several channels."""
    channels, *plane = split.images.shape[1:]
    return "x".join(map(str, plane if channels == 1 else [channels, *plane]))


def pair(
    arrays: dict[str, NDArray[np.uint8]], paths: dict[str, Path], images: str, labels: str
) -> Split:
    """Return images [N, H, W] or [N, C, H, W] and labels [N] as a Split.

    Raises:
        InputError: a file does not fit.
    """
    for file, ranks, what in ((images, (3, 4), "images"), (labels, (1,), "labels")):
        if arrays[file].ndim not in ranks or not arrays[file].size:
            wanted = " or ".join(map(str, ranks))
            raise InputError(
                paths[file],
                f"holds an array of shape {list(arrays[file].shape)}, not {what}",
                f"give it rank {wanted} and at least one entry",
            )
    if len(arrays[images]) != len(arrays[labels]):
        raise InputError(
            paths[labels],
            f"has {len(arrays[labels])} labels for {len(arrays[images])} images",
            f"use the labels that belong to {paths[images].name}",
        )
    pixels = arrays[images]
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    return Split(pixels, arrays[labels].astype(np.int64))
