"""The images on which an export is proven: `proof_data(network, folder=Path("signs"))`.

Labelled ones if there are any, else a person's plain pictures, else drawn ones.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import DRAWN, UNLABELLED, Dataset, Split
from cnnkit.data.drawn import drawn_images
from cnnkit.data.load import has_idx, load_dataset, name_of
from cnnkit.data.own.class_folders import SUFFIXES
from cnnkit.data.own.decoder import read_chunk
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.own.reading import read_pictures
from cnnkit.data.own.recognise import recognise
from cnnkit.data.preparation import prepare, resizing
from cnnkit.errors import InputError
from cnnkit.evaluation.dataset import load_dataset_of, picture_options, tells_data
from cnnkit.formats.description import preprocessing
from cnnkit.graph.carried import carried_nodes
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.weights import Weights
from cnnkit.graph.work import multiply_adds
from cnnkit.models.network import Network
from cnnkit.system.subprocesses import exchange_folder
from cnnkit.system.terminal import open_console

TABLES = (".csv", ".jsonl", ".npz", ".bin")  # which may say what pictures show
MOST_PICTURES = 10_000
LOOKED_AT = 64  # pictures, by whose size that of a module without one is chosen
LARGEST_SIDE = 512  # of a network's images; photographs are larger
MOST_WORK = 20_000_000_000  # multiply-adds on random images, which bounds their number
UNKNOWN_WORK = MOST_WORK // 32  # of a network that cnnkit cannot look into
FEWEST, MOST = 16, 256  # random images


def proof_data(
    network: Network, name: str | None = None, folder: Path | None = None, quiet: bool = False
) -> Dataset:
    """Return the data on which files of a network are proven.

    A network that training left tells its data itself; what was proven on random images is again.

    Args:
        network: as `cnnkit.models.read.read_model` returns it.
        name: a published data set.
        folder: a person's own data, or a folder of pictures without labels.
        quiet: show no progress.

    Raises:
        InputError: there is no such data, or it has other classes than the network.
        NetworkError: published data is not here, and no source can be reached.
        StorageError: it cannot be read.
    """
    weights = network.weights
    if folder is not None and name_of(folder) is None and is_unlabelled(folder):
        return _unlabelled(weights, folder, quiet)
    unnamed = folder is None and name is None
    if network.path is not None and (tells_data(network.path) or not unnamed):
        return load_dataset_of([network.path], name, folder, quiet)
    if unnamed:
        return drawn(weights)
    data = _labelled(weights, name, folder, quiet)
    if len(data.names) != weights.classes:
        raise InputError(
            folder or name,
            f"has {len(data.names)} classes, and the model has {weights.classes}",
            "give the data that it was trained for, or pictures without labels",
        )
    return data


def size_in(
    name: str | None = None,
    folder: Path | None = None,
    quiet: bool = False,
    pictures: bool = False,
) -> tuple[int, int, int] | None:
    """Return C, H, W of data whose images have one size: a published set's, or IDX files'.

    None if there is no data. Pictures take the size that a network has: with `pictures` they tell
    theirs, if those that are looked at have the same, of at most LARGEST_SIDE pixels.
    """
    by_name = name if folder is None else name_of(folder)
    if by_name is None and (folder is None or not folder.exists()):
        return None
    if by_name is None and folder is not None and not has_idx(folder):
        return _size_of_pictures(folder) if pictures else None
    data = load_dataset(by_name or "", None if by_name else folder, quiet)
    channels, height, width = data.test.images.shape[1:]
    return channels, height, width


def _size_of_pictures(folder: Path) -> tuple[int, int, int] | None:
    if is_unlabelled(folder):
        root, paths = folder, [path.name for path in _pictures(folder)]
    else:
        listing = recognise(folder)
        if listing is None or listing.pixels is not None or not listing.paths:
            return None
        root, paths = listing.root, list(listing.paths)
    few = [paths[index * len(paths) // LOOKED_AT] for index in range(LOOKED_AT)]
    facts = [fact for fact in read_chunk(root, sorted(set(few)))[0] if not fact.problem]
    sizes = {(fact.height, fact.width) for fact in facts}
    if len(sizes) != 1 or max(max(size) for size in sizes) > LARGEST_SIDE:
        return None
    ((height, width),) = sizes
    return (1 if all(fact.gray for fact in facts) else 3), height, width


def with_names(weights: Weights, data: Dataset) -> Weights:
    """Return a network with the class names of the data, where it has none of its own."""
    if weights.metadata.get("names") or data.kind in (DRAWN, UNLABELLED):
        return weights
    return replace(weights, metadata={**weights.metadata, "names": list(data.names)})


def _labelled(weights: Weights, name: str | None, folder: Path | None, quiet: bool) -> Dataset:
    if folder is None:
        return load_dataset(name or "", quiet=quiet)
    if name_of(folder) is not None or has_idx(folder):
        return load_dataset(folder=folder, quiet=quiet)
    options = picture_options(PictureOptions(), preprocessing(weights))
    if options.size is None:
        options = replace(options, size=weights.size[1:], color=_colour(weights))
    names = weights.metadata.get("names")
    options = replace(options, classes=tuple(names) if names else None)
    return load_dataset(folder=folder, quiet=quiet, options=options)


def _colour(weights: Weights) -> str:
    return {1: "gray", 3: "rgb"}.get(weights.size[0], "auto")


def is_unlabelled(folder: Path) -> bool:
    """Tell whether a folder has pictures, and nothing that says what they show."""
    if not folder.is_dir() or has_idx(folder):
        return False
    others = any(path.is_dir() or path.suffix in TABLES for path in folder.iterdir())
    return not others and bool(_pictures(folder))


def _pictures(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return found[:MOST_PICTURES]


def _unlabelled(weights: Weights, folder: Path, quiet: bool) -> Dataset:
    record = preprocessing(weights)
    paths = _pictures(folder)
    if record.recipe is None and record.colour != "channels":
        images = _decoded(paths, resizing(record), quiet)
    else:
        images = np.stack([prepare(path, record).image for path in paths])
    return unlabelled(weights, images, folder.name)


def _decoded(paths: list[Path], record: Preprocessing, quiet: bool) -> NDArray[np.uint8]:
    """Return pictures of one folder as `prepare` does, but on all cores."""
    shape = (len(paths), *record.size)
    with exchange_folder() as exchange:
        file = exchange / "pixels"
        np.memmap(file, np.uint8, "w+", shape=shape).flush()
        names = [path.name for path in paths]
        console = open_console(stderr=True, quiet=quiet)
        facts, _ = read_pictures(paths[0].parent, names, record, (file, 0), console)
        images = np.fromfile(file, np.uint8).reshape(shape)
    for index, fact in enumerate(facts):
        if fact.problem:  # of training data: it may do here, such as the first of several frames
            images[index] = prepare(paths[index], record).image
    return images


def drawn(weights: Weights) -> Dataset:
    """Return random images for a network; of a large one fewer."""
    work = UNKNOWN_WORK if carried_nodes(weights.graph) else multiply_adds(weights.graph)
    count = MOST_WORK // max(1, work)
    images = drawn_images(weights.size, min(MOST, max(FEWEST, count)))
    return unlabelled(weights, images, DRAWN, DRAWN)


def unlabelled(
    weights: Weights, images: NDArray[np.uint8], name: str, kind: str = UNLABELLED
) -> Dataset:
    """Return images uint8 [N, C, H, W] without labels as the data of a proof."""
    split = Split(images, np.zeros(len(images), np.int64))
    return Dataset(name, split, split, tuple(weights.names), {}, name, kind=kind)
