"""Files that are whole or absent: `with replacing(path) as beside: beside.write_bytes(...)`."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cnnkit.errors import StorageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`; what was written there becomes `path` when the block ends well.

    The file is flushed to the disk before it is renamed, so a crash at any moment leaves the old
    content or the new, never a part. If the block raises, nothing is left behind.

    Raises:
        StorageError: the folder cannot be made or written, or the disk is full.
    """
    # The suffix stays last: writers such as Matplotlib choose their format by it.
    beside = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):  # where the folder could not be made, there is nothing to remove
            beside.unlink(missing_ok=True)


@contextmanager
def replacing_together(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; its files become `path`'s neighbours, all or none.

    They keep their names, so that one may name another. If the block raises, or a file cannot be
    put in its place, everything is as it was before.

    Raises:
        StorageError: the folder cannot be made or written, or the disk is full.
    """
    beside = path.with_name(f".{path.stem}.{secrets.token_hex(4)}")
    placed: list[tuple[Path, Path]] = []
    try:
        beside.mkdir(parents=True)
        yield beside
        for fresh in sorted(beside.iterdir()):
            target, before = path.with_name(fresh.name), beside / f"{fresh.name}.before"
            with fresh.open("rb") as written:
                os.fsync(written.fileno())
            if target.exists():
                shutil.copyfile(target, before)
            fresh.replace(target)
            placed.append((target, before))
    except OSError as error:
        for target, before in placed:
            if before.exists():
                before.replace(target)
            else:
                target.unlink()
        raise _unwritable(path, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        path,
        f"cannot be written ({error.strerror or error})",
        "choose another place, or make room and give yourself write permission",
    )


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as beside:
        beside.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` as UTF-8 to `path`, whole or not at all."""
    write_bytes(path, content.encode())


def read_bytes(path: Path, most: int = -1) -> bytes:
    """Return a file's content, or no more than its first `most` bytes.

    Raises:
        StorageError: it does not exist or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise StorageError(
            path,
            f"cannot be read ({error.strerror or error})",
            "check the path and its permissions",
        ) from error


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in lower-case hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
