"""A data set: `Dataset`; and how one is read from a folder of IDX files: `read_folder(folder)`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.classes import class_names
from cnnkit.data.idx import decompress, parse_idx
from cnnkit.data.registry import DATASETS, FILES, OWN, identify
from cnnkit.errors import InputError, StorageError
from cnnkit.system.display import page, summary
from cnnkit.system.files import read_bytes, sha256

if TYPE_CHECKING:
    from cnnkit.graph.preprocessing import Preprocessing

LABELLED, UNLABELLED, DRAWN = "test images", "unlabelled pictures", "random images"
MOST_COLOURS = 4  # red, green, blue and transparency


@dataclass(frozen=True)
class Split:
    """Raw pixels, uint8 [N, C, H, W], and their labels, int64 [N]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __repr__(self) -> str:
        size = "x".join(map(str, self.images.shape[1:]))
        return summary(self, f"{len(self.images):,} images of {size}")


@dataclass(frozen=True)
class Dataset:
    """A training and a test split with their provenance.

    Attributes:
        name: a key of DATASETS, or OWN.
        train: the training images.
        test: the test images.
        names: the K class names.
        sha256: of the four uncompressed IDX files, by standard file name; or of all `pictures`.
        source: where the files came from.
        validation: its own validation images; None if training images have to do.
        preprocessing: how pictures became these images; None for images that were arrays of their
            own size.
        samples: of each picture split, class, path and SHA-256; empty for IDX files.
        kind: LABELLED, or UNLABELLED or DRAWN, whose labels mean nothing.
    """

    name: str
    train: Split
    test: Split
    names: tuple[str, ...]
    sha256: dict[str, str]
    source: str
    validation: Split | None = None
    preprocessing: Preprocessing | None = None
    samples: tuple[tuple[str, str, str, str], ...] = ()
    kind: str = LABELLED

    def __repr__(self) -> str:
        size = "x".join(map(str, self.test.images.shape[1:]))
        return summary(
            self, repr(self.name), size, f"{len(self.names)} classes", *map(": ".join, self._counts)
        )

    def _repr_html_(self) -> str:
        return page(f"{self.name}: {len(self.names)} classes", ("split", "images"), self._counts)

    @property
    def short_name(self) -> str:
        """What its runs are called: its published name, or that of the own folder or file."""
        if self.name != OWN:
            return self.name
        path = Path(self.source).resolve()
        words = re.sub(r"[^\w.-]+", "-", path.stem if path.is_file() else path.name)
        return words.strip("-.")[:40] or OWN

    @property
    def _counts(self) -> list[tuple[str, str]]:
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return [(name, f"{len(split.images):,}") for name, split in splits.items() if split]


def cache_folder(name: str) -> Path:
    """Return the cache folder of a published data set.

    Raises:
        StorageError: this user has no home folder, and HOME names none.
    """
    import platformdirs  # which nobody needs who only reads artefacts

    try:
        return platformdirs.user_cache_path("cnnkit") / name
    except RuntimeError as error:
        raise StorageError(
            "home folder",
            "is not known for this user, so there is no cache",
            "set HOME or XDG_CACHE_HOME to a folder, or give one with --data",
        ) from error


def find_files(folder: Path) -> dict[str, Path]:
    """Return the paths of the four files by standard name: plain or .gz, '-' or '.' before idx.

    Files of images with several channels may be named idx4 instead of idx3.

    Raises:
        InputError: `folder` is not a folder, or lacks one of the files.
        StorageError: `folder` cannot be listed.
    """
    try:
        present = {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError) as error:
        remedy = "name a folder with the four IDX files"
        raise InputError(folder, "is not a folder", remedy) from error
    except OSError as error:
        raise StorageError(
            folder, f"cannot be listed ({error.strerror})", "check its permissions"
        ) from error
    found = {}
    for name in FILES:
        ranks = (name, name.replace("-idx3", "-idx4"))
        stems = [*ranks, *(stem.replace("-idx", ".idx") for stem in ranks)]
        matches = [stem + end for stem in stems for end in ("", ".gz") if stem + end in present]
        if not matches:
            raise InputError(
                folder,
                f"holds no {name} (nor {name}.gz)",
                f"name a folder with {', '.join(FILES)}, plain or .gz",
            )
        found[name] = folder / matches[0]
    return found


def read_folder(folder: Path, source: str) -> Dataset:
    """Read the four files of an IDX folder and check that they are consistent."""
    paths = find_files(folder)
    stored = {file: read_bytes(path) for file, path in paths.items()}
    contents = {file: decompress(stored[file], path) for file, path in paths.items()}
    arrays = {file: parse_idx(contents[file], paths[file]) for file in FILES}
    train = make_split(arrays, paths, *FILES[:2])
    test = make_split(arrays, paths, *FILES[2:])
    if train.images.shape[1:] != test.images.shape[1:]:
        sizes = [_size(split) for split in (train, test)]
        raise InputError(
            paths[FILES[2]],
            f"has images of {sizes[1]}, {paths[FILES[0]].name} of {sizes[0]}",
            "use images of one size",
        )
    digests = {file: sha256(content) for file, content in contents.items()}
    gzipped = {f"{k}.gz": sha256(stored[k]) for k in FILES if stored[k] is not contents[k]}
    name = identify(digests | gzipped)
    if name is not None:
        names = DATASETS[name].names
    else:
        names = class_names(folder, int(max(train.labels.max(), test.labels.max())) + 1)
    return Dataset(name or OWN, train, test, names, digests, source)


def _size(split: Split) -> str:
    """Return "28x28", or "3x32x32" for images of several channels."""
    channels, *plane = split.images.shape[1:]
    return "x".join(map(str, plane if channels == 1 else [channels, *plane]))


def _is_channels_last(shape: tuple[int, ...]) -> bool:
    """Tell whether [N, C, H, W] would be many channels of images that are a few pixels wide."""
    return len(shape) == 4 and shape[3] <= MOST_COLOURS < min(shape[1], shape[2])


def make_split(
    arrays: dict[str, NDArray[np.uint8]], paths: dict[str, Path], images: str, labels: str
) -> Split:
    """Return images [N, H, W] or [N, C, H, W] and labels [N] as a Split.

    Raises:
        InputError: an array has the wrong rank or is empty, or the two differ in length.
    """
    for file, ranks, what in ((images, (3, 4), "images"), (labels, (1,), "labels")):
        if arrays[file].ndim not in ranks or not arrays[file].size:
            expected = " or ".join(map(str, ranks))
            raise InputError(
                paths[file],
                f"holds an array of shape {list(arrays[file].shape)}, not {what}",
                f"store an array of rank {expected} with at least one entry",
            )
    if len(arrays[images]) != len(arrays[labels]):
        raise InputError(
            paths[labels],
            f"has {len(arrays[labels])} labels for {len(arrays[images])} images",
            f"use the labels that belong to {paths[images].name}",
        )
    pixels = arrays[images]
    if _is_channels_last(pixels.shape):
        _, height, width, channels = pixels.shape
        raise InputError(
            paths[images],
            f"holds images of {height}x{width}x{channels}, which looks like channels last (NHWC)",
            f"store them as NCHW, [N, {channels}, {height}, {width}], with .transpose(0, 3, 1, 2)",
        )
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    return Split(pixels, arrays[labels].astype(np.int64))
