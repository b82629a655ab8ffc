"""Files of a data set from a Debian package: a source for those who reach a package index alone.

Debian compresses nothing anew: its gzip files hold the published streams of bits behind a header
without name and time. With the published header they are the published files again, byte for byte.
"""

from __future__ import annotations

import io
import struct
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from lzma import LZMAError
from pathlib import Path
from shutil import which

from rich.progress import Progress

from cnnkit.data.sources import LARGEST_DOWNLOAD, PIP_SECONDS, Unavailable
from cnnkit.system.files import read_bytes
from cnnkit.system.subprocesses import exchange_folder

AR_MAGIC, AR_HEADER = b"!<arch>\n", 60
GZIP_HEADER = 10  # bytes of one without a name
FLAGGED_NAME, UNIX = 8, 3


def from_debian(
    package: str, times: Mapping[str, int], names: Sequence[str], progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content) of gzip files in a Debian package, without installing it.

    Args:
        package: its name.
        times: of each file, the time in its published header, in seconds since 1970.
        names: the files that are wanted.
        progress: where to show progress.

    Raises:
        Unavailable: apt-get is not there or has no such package, or the package is damaged.
    """
    with exchange_folder() as folder:
        task = progress.add_task(f"apt-get download {package}", total=None)
        content = read_bytes(_download(package, folder))
        progress.remove_task(task)
    try:
        with tarfile.open(fileobj=io.BytesIO(_data(content)), mode="r:xz") as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                if name in names and name in times and member.isfile():
                    file = archive.extractfile(member)
                    stored = file.read(LARGEST_DOWNLOAD) if file else b""
                    yield name, with_header(stored, name.removesuffix(".gz"), times[name])
    except (tarfile.TarError, LZMAError, EOFError, ValueError, struct.error) as error:
        raise Unavailable(f"{package} cannot be read ({error})") from error


def _download(package: str, folder: Path) -> Path:
    if which("apt-get") is None:
        raise Unavailable("apt-get is not installed")
    command = ["apt-get", "-q", "download", package]
    try:
        apt = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PIP_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"apt-get took longer than {PIP_SECONDS:g} s") from error
    found = list(folder.glob("*.deb"))
    if apt.returncode or len(found) != 1:
        lines = [line for line in apt.stderr.splitlines() if line.startswith("E:")]
        raise Unavailable(lines[-1] if lines else "apt-get downloaded no package")
    return found[0]


def _data(package: bytes) -> bytes:
    """Return the data archive in a package, which is an `ar` archive of three files."""
    if not package.startswith(AR_MAGIC) or len(package) > LARGEST_DOWNLOAD:
        raise ValueError("it is not a Debian package")
    start = len(AR_MAGIC)
    while start + AR_HEADER <= len(package):
        header = package[start : start + AR_HEADER]
        size = int(header[48:58])
        start += AR_HEADER
        if not 0 <= size <= len(package) - start:
            break
        if header.startswith(b"data.tar.xz"):
            return package[start : start + size]
        start += size + size % 2
    raise ValueError("it has no whole data.tar.xz")


def with_header(stored: bytes, name: str, time: int) -> bytes:
    """Return a gzip file without a name as one with a name and a time.

    Raises:
        ValueError: it is no gzip file without a name.
    """
    if stored[:4] != b"\x1f\x8b\x08\x00":
        raise ValueError(f"{name} is not a gzip file without a name")
    header = struct.pack("<4sIBB", bytes([0x1F, 0x8B, 8, FLAGGED_NAME]), time, 0, UNIX)
    return header + name.encode() + b"\0" + stored[GZIP_HEADER:]
