"""Atomic writes: `with replacing(path) as temporary: temporary.write_bytes(...)`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cnnkit.errors import StorageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which is renamed to `path` when the block succeeds.

    The file is flushed to the disk before it is renamed, so a crash at any moment leaves either
    the old content or the new. If the block raises, nothing is left behind.

    Raises:
        StorageError: the folder cannot be created or written, or the disk is full.
    """
    # The suffix stays last: writers such as Matplotlib choose their format by it.
    temporary = path.with_name(f".{path.stem}.{os.urandom(4).hex()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):  # if the folder could not be created, there is nothing to remove
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_together(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder; its files are moved beside `path`, either all or none.

    They keep their names, so that one file may refer to another. If the block raises, or a file
    cannot be moved, the previous files are restored.

    Raises:
        StorageError: the folder cannot be created or written, or the disk is full.
    """
    import shutil  # with three compressors, which nobody needs who only reads files

    temporary = path.with_name(f".{path.stem}.{os.urandom(4).hex()}")
    moved: list[tuple[Path, Path]] = []
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for new in sorted(temporary.iterdir()):
            target, backup = path.with_name(new.name), temporary / f"{new.name}.before"
            with new.open("rb") as written:
                os.fsync(written.fileno())
            if target.exists():
                shutil.copyfile(target, backup)
            new.replace(target)
            moved.append((target, backup))
    except OSError as error:
        for target, backup in moved:
            if backup.exists():
                backup.replace(target)
            else:
                target.unlink()
        raise _unwritable(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        path,
        f"cannot be written ({error.strerror or error})",
        "choose another folder, or free disk space and check your write permission",
    )


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` as UTF-8 to `path` atomically."""
    write_bytes(path, content.encode())


def read_bytes(path: Path, most: int = -1) -> bytes:
    """Return a file's content, or at most its first `most` bytes.

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
    """Return the SHA-256 of `content` in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()
