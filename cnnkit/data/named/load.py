"""A published data set by its name: `load_named("kmnist")`, downloaded into the cache first."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rich.progress import Progress

from cnnkit.data.dataset import Dataset, cache_folder
from cnnkit.data.download import require_writable
from cnnkit.data.named.reading import READERS
from cnnkit.data.named.table import NAMED, File
from cnnkit.data.sources import Unavailable, download
from cnnkit.errors import InputError, NetworkError, StorageError
from cnnkit.system.files import read_bytes, sha256, write_bytes
from cnnkit.system.terminal import open_console

LARGEST = 700_000_000  # bytes; EMNIST's archive has 562 million


def load_named(name: str, quiet: bool = False) -> Dataset:
    """Load a data set of NAMED; its files are compared with their MD5 sums each time.

    Args:
        name: a key of NAMED.
        quiet: show no progress.

    Raises:
        InputError: a file is damaged.
        NetworkError: a file is not in the cache, and cannot be downloaded.
        StorageError: the cache cannot be written.
    """
    named, folder = NAMED[name], named_folder(name)
    fetch_named(name, quiet)
    paths = {file.name: folder / file.name for file in named.files}
    train, test = READERS[named.form](named, paths)
    for split in (train, test):
        if not 0 <= split.labels.min() <= split.labels.max() < len(named.names):
            raise InputError(folder, f"has labels that {name} does not have", "download it again")
    digests = {file: sha256(read_bytes(path)) for file, path in paths.items()}
    return Dataset(name, train, test, named.names, digests, str(folder))


def is_whole(path: Path, file: File) -> bool:
    """Tell whether a path is the published file."""
    try:
        return hashlib.md5(read_bytes(path), usedforsecurity=False).hexdigest() == file.md5
    except StorageError:
        return False


def named_folder(name: str) -> Path:
    """Return where the files of a data set of NAMED are cached; EMNIST's parts share an archive."""
    return cache_folder(name.partition("-")[0])


def fetch_named(name: str, quiet: bool = False) -> None:
    """Download the files that the cache lacks.

    Raises:
        NetworkError: one cannot be downloaded, or is another; the error says how to do it by hand.
        StorageError: the cache cannot be written.
    """
    folder = named_folder(name)
    missing = [file for file in NAMED[name].files if not is_whole(folder / file.name, file)]
    if not missing:
        return
    require_writable(folder)
    console = open_console(stderr=True, quiet=quiet)
    idle = quiet or not console.is_terminal
    with Progress(console=console, transient=True, disable=idle) as progress:
        for index, file in enumerate(missing):
            try:
                content = download(file.url, progress, LARGEST)
                if hashlib.md5(content, usedforsecurity=False).hexdigest() != file.md5:
                    raise Unavailable("its MD5 sum is not the published one")
            except Unavailable as problem:
                raise NetworkError(
                    name,
                    f"{file.url} cannot be downloaded ({str(problem).rstrip('.')})",
                    f"connect to a network; or download by other means what is listed below, put "
                    f"it into {folder} under its own name, and repeat the command",
                    [f"{each.url} (MD5 {each.md5})" for each in missing[index:]],
                ) from problem
            write_bytes(folder / file.name, content)
            console.print(f"{file.name}: verified, from {file.url}", soft_wrap=True)
