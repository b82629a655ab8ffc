"""Images and labels: `dataset = load_dataset("mnist")`, or a person's own with `folder=`.

The files come from the folder that the user names, or else from the cache, which
`cnnkit.data.download` fills.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cnnkit.data.classes import missing_classes
from cnnkit.data.dataset import Dataset, cache_folder, read_folder
from cnnkit.data.download import fetch, is_published, read_origins
from cnnkit.data.named.load import load_named
from cnnkit.data.named.table import NAMED
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.own.recognise import recognise
from cnnkit.data.registry import DATASETS, FILES, OWN, find_published
from cnnkit.errors import InputError, StorageError
from cnnkit.system.terminal import open_console

ACCEPTED = (
    "give class folders (DIR/cat/1.jpg), with or without train and test above them; a table "
    "metadata.csv with file_name,label; an .npz file; CIFAR's binary files; or four IDX files; "
    f"or the name of a published data set: {', '.join((*DATASETS, *NAMED))}"
)


def load_dataset(
    name: str = "mnist",
    folder: Path | None = None,
    quiet: bool = False,
    options: PictureOptions | None = None,
) -> Dataset:
    """Load a data set by name, downloading it into the cache first if necessary; or a user's own.

    Cached and downloaded files are compared with the SHA-256 of the published files each time they
    are loaded. A user's own data is recognised by looking: class folders, with or without splits; a
    table of labels; an .npz file; CIFAR's binary files; IDX files, which must be complete, of uint8
    and of one size. Its digest is recorded.

    Args:
        name: a key of DATASETS or NAMED.
        folder: a user's own data, whatever `name` says, unless it is IDX files that have the
            SHA-256 of a published data set. Class names are those in its classes.txt, or else the
            folders' or labels'. Where there is no such folder, it may be a key of those, too.
        quiet: show no progress.
        options: how pictures are prepared and split; None is the defaults.

    Raises:
        InputError: the name is unknown, or the data is missing, damaged or inconsistent.
        NetworkError: no source could be downloaded from.
        StorageError: a file cannot be read, or the cache cannot be written.
    """
    by_name = name if folder is None else name_of(folder)
    if by_name in NAMED:
        _refuse_options(options)
        return load_named(by_name, quiet)
    if by_name is not None:
        name, folder = by_name, None
    published = find_published(name)
    if folder is not None:
        return _load_own(Path(folder), options or PictureOptions(), quiet)
    _refuse_options(options)
    cache = cache_folder(name)
    if not all(is_published(published, cache / file) for file in published.sha256):
        fetch(published, cache, quiet)
    origins = sorted(set(read_origins(cache).values()))
    return read_folder(cache, ", ".join(origins) or "cache")


def name_of(folder: Path) -> str | None:
    """Return the published data set that a path names, if there is no such file or folder."""
    name = str(folder)
    return name if name in (*DATASETS, *NAMED) and not folder.exists() else None


def _load_own(root: Path, options: PictureOptions, quiet: bool) -> Dataset:
    console = open_console(stderr=True, quiet=quiet)
    if options.manifest is None and has_idx(root):
        _refuse_options(options)
        data = read_folder(root, str(root))
        note = _note(data, root)
        if note:
            console.print(note, soft_wrap=True)
        return data
    from cnnkit.data.own.load import load_own  # with Pillow, which IDX files do not need

    listing = recognise(root, options.manifest, options.classes)
    if listing is None:
        raise InputError(root, "holds no data that cnnkit knows", ACCEPTED)
    return load_own(listing, options, console)


def has_idx(root: Path) -> bool:
    """Tell whether a folder has IDX files of the standard names.

    Raises:
        InputError: there is no such folder or file.
        StorageError: it cannot be listed.
    """
    try:
        names = os.listdir(root)
    except FileNotFoundError as error:
        raise InputError(root, "does not exist", ACCEPTED) from error
    except NotADirectoryError:
        return False
    except OSError as error:
        raise StorageError(
            root, f"cannot be listed ({error.strerror})", "check its permissions"
        ) from error
    starts = tuple({file.split("-idx")[0] for file in FILES})
    return any(name.startswith(starts) and "idx" in name for name in names)


def _refuse_options(options: PictureOptions | None) -> None:
    """Raise InputError if options for pictures are given for images that are arrays already."""
    fixed = PictureOptions()
    given = options or fixed
    for option in ("manifest", "size", "fit", "color"):
        if getattr(given, option) != getattr(fixed, option):
            raise InputError(
                f"--{option}",
                "is for pictures, not for IDX files, whose images have a size and colour",
                "leave it out, or give pictures with --data",
            )


def _note(data: Dataset, folder: Path) -> str | None:
    """Return what a user should know of their own labels, or raise InputError for stray ones."""
    if data.name != OWN:
        return None
    return missing_classes(folder, np.concatenate([data.train.labels, data.test.labels]))
