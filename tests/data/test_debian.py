"""Files from a Debian package: the published ones, byte for byte, or none."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from rich.progress import Progress

from cnnkit.data.debian import from_debian, with_header
from cnnkit.data.sources import Unavailable

NAME, TIME = "labels.gz", 1504176627


def published() -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile("labels", "wb", 6, stream, mtime=TIME) as file:
        file.write(b"labels" * 50)
    content = bytearray(stream.getvalue())
    content[8:10] = 0, 3  # as gzip, the program, writes level 6 on Unix
    return bytes(content)


def in_debian() -> bytes:
    """As `gzip -n` stores it: no name, and another time."""
    whole = published()
    return b"\x1f\x8b\x08\x00\0\0\0\0\0\3" + whole[10 + len(b"labels\0") :]


def package(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"./usr/share/datasets/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    result = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\n"), ("data.tar.xz", data.getvalue())):
        result += f"{name:<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(content):<10}`\n".encode()
        result += content + b"\n" * (len(content) % 2)
    return result


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt-get that copies what is in the returned file."""
    content, program = tmp_path / "content", tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n[ -f "{content}" ] && cp "{content}" ./data.deb && exit 0\n'
        "echo 'E: Unable to locate package data' >&2\nexit 100\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return content


def fetched() -> dict[str, bytes]:
    with Progress(disable=True) as progress:
        return dict(from_debian("data", {NAME: TIME}, [NAME], progress))


def test_a_debian_file_becomes_the_published_one_byte_for_byte(apt: Path) -> None:
    apt.write_bytes(package({NAME: in_debian(), "README.gz": b"other"}))
    assert fetched() == {NAME: published()}
    assert gzip.decompress(fetched()[NAME]) == b"labels" * 50


def test_a_package_that_is_not_there_is_said_in_apts_words(apt: Path) -> None:
    with pytest.raises(Unavailable, match="Unable to locate package data"):
        fetched()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"!<arch>\n",
        b"no archive",
        package({NAME: in_debian()})[:-40],
        package({NAME: b"no gzip"}),
        package({NAME: in_debian()}).replace(b"data.tar.xz", b"data.tar.gz"),
        b"!<arch>\n" + b"data.tar.xz" + b" " * 37 + b"-5        `\n",
    ],
    ids=["empty", "bare", "other", "cut", "no-gzip", "no-data", "negative"],
)
def test_a_damaged_package_is_no_source(apt: Path, content: bytes) -> None:
    apt.write_bytes(content)
    with pytest.raises(Unavailable, match="cannot be read"):
        fetched()


def test_without_apt_get_there_is_no_such_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match="apt-get is not installed"):
        fetched()


def test_a_file_that_has_a_name_already_is_refused() -> None:
    with pytest.raises(ValueError, match="without a name"):
        with_header(published(), "labels", TIME)
