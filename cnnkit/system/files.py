"""Atomic writes: `with replacing(path) as temporary: temporary.write_bytes(...)`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnnkit.errors import StorageError
from cnnkit.system.locks import remove_stale, temporary

PART = 1 << 20  # bytes read at once where a file may be too large
JOURNAL = ".moving"  # names the files that are complete, with a zero byte between two


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which is renamed to `path` when the block succeeds.

    The file is flushed to the disk before it is renamed, so a crash at any moment leaves either
    the old content or the new. If the block raises, nothing is left behind, and what a killed
    process left is removed by the next one.

    Raises:
        StorageError: the folder cannot be created or written, or the disk is full.
    """

    def make() -> Path:
        # The suffix stays last: writers such as Matplotlib choose their format by it.
        new = path.with_name(f".{path.stem}.{os.urandom(4).hex()}{path.suffix}")
        new.touch(exist_ok=False)
        return new

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(path.parent, _names(path.stem, path.suffix))
        with temporary(make) as beside:
            yield beside
            _flush(beside)
            beside.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def replacing_together(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder; its files are moved beside `path`, either all or none.

    They keep their names, so that one file may refer to another. If the block raises, or a file
    cannot be moved, or the program is interrupted meanwhile, the previous files are restored. A
    process that is killed while it moves them leaves the rest to `finish_move`; what it left
    before is removed by the next one.

    Raises:
        StorageError: the folder cannot be created or written, or the disk is full.
    """

    def make() -> Path:
        new = path.with_name(f".{path.stem}.{os.urandom(4).hex()}")
        new.mkdir()
        return new

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        finish_move(path)
        with temporary(make) as folder:
            yield folder
            _move_together(sorted(folder.iterdir()), path, folder / JOURNAL)
    except OSError as error:
        raise _unwritable(path, error) from error


def finish_move(path: Path) -> None:
    """Finish what a killed process began: the files beside `path` are then all old or all new."""

    def rescue(folder: Path) -> None:
        if not (folder / JOURNAL).exists():
            return  # it was killed before the first move
        for name in map(os.fsdecode, (folder / JOURNAL).read_bytes().split(b"\0")):
            new = folder / name
            if new.parent == folder and new.is_file():
                new.replace(path.with_name(name))

    remove_stale(path.parent, _names(path.stem, ""), rescue)


def _move_together(files: list[Path], path: Path, journal: Path) -> None:
    """Move files beside `path`, or restore what was there."""
    import shutil  # with three compressors, which nobody needs who only reads files

    backups = [(path.with_name(new.name), new.with_name(f"{new.name}.before")) for new in files]
    for new, (target, backup) in zip(files, backups, strict=True):
        _flush(new)
        if target.exists():
            shutil.copyfile(target, backup)
    try:
        write_bytes(journal, b"\0".join(os.fsencode(new.name) for new in files))
        for new, (target, _) in zip(files, backups, strict=True):
            new.replace(target)
    except BaseException:  # Ctrl-C as well
        journal.unlink(missing_ok=True)
        for new, (target, backup) in zip(files, backups, strict=True):
            if backup.exists():
                backup.replace(target)
            elif not new.exists():
                target.unlink(missing_ok=True)
        raise


def _flush(path: Path) -> None:
    with path.open("r+b") as written:  # Windows flushes only what could be written
        os.fsync(written.fileno())


def _names(stem: str, suffix: str) -> re.Pattern[str]:
    """Return the names of temporary files or folders for a file."""
    return re.compile(rf"\.{re.escape(stem)}\.[0-9a-f]{{8}}{re.escape(suffix)}")


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


def remove(path: Path) -> None:
    """Remove a file, if it is there.

    Raises:
        StorageError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            path, f"cannot be removed ({error.strerror or error})", "check its permissions"
        ) from error


def read_bytes(path: Path, most: int = -1) -> bytes:
    """Return a file's content, or at most its first `most` bytes.

    Raises:
        StorageError: it does not exist or cannot be read.
    """
    try:
        with path.open("rb") as file:
            if most < 0:
                return file.read()
            # `read` sets aside all that it is asked for, however short the file is.
            parts = [file.read(PART)]
            while parts[-1] and sum(map(len, parts)) < most:
                parts.append(file.read(PART))
            return b"".join(parts)[:most]
    except OSError as error:
        raise _unreadable(path, error) from error


def read_part(path: Path, start: int, size: int) -> bytes:
    """Return `size` bytes of a file, or what there is of them.

    Raises:
        StorageError: it does not exist, is no regular file, or cannot be read.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise StorageError(path, "is no regular file", "name one that holds the weights")
        with path.open("rb") as file:
            held = os.fstat(file.fileno()).st_size
            file.seek(min(start, held))
            return file.read(min(size, held))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StorageError:
    reason = f"cannot be read ({error.strerror or error})"
    return StorageError(path, reason, "check the path and its permissions")


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()
