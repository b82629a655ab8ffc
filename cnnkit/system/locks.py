"""Who uses a file or folder, across processes: `with held(folder) as ours: ...`.

The locks are the system's advisory ones (flock), so a killed process holds none, and what it left
can be told from what a living one is writing.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

POLL = 0.05  # seconds


@contextmanager
def held(path: Path, patience: float = 0.0) -> Iterator[bool | None]:
    """Lock an existing file or folder against all others who lock it.

    Args:
        path: the file or folder.
        patience: for how many seconds to wait for another holder.

    Yields:
        True if it is locked, False if another holder has it, None if it is absent or its file
        system has no locks.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        yield _lock(descriptor, time.monotonic() + patience)
    finally:
        os.close(descriptor)  # which unlocks it


def _lock(descriptor: int, deadline: float) -> bool | None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL)
        except OSError:
            return None


@contextmanager
def temporary(make: Callable[[], Path]) -> Iterator[Path]:
    """Yield the file or folder that `make` creates, locked; it is removed at the end."""
    path, descriptor = _make_locked(make)
    try:
        yield path
    finally:
        remove(path)
        os.close(descriptor)


def _make_locked(make: Callable[[], Path]) -> tuple[Path, int]:
    while True:
        path = make()
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.exists():
                return path, descriptor
            os.close(descriptor)  # `remove_stale` was quicker: make another one


def remove_stale(
    folder: Path, name: re.Pattern[str], rescue: Callable[[Path], None] = lambda path: None
) -> None:
    """Remove our files and folders of these names in `folder` that no process has locked.

    Args:
        folder: where they are.
        name: what they are called.
        rescue: is called with each before; if it raises OSError, that one is left.
    """
    found: list[str] = []
    with suppress(OSError):
        found = os.listdir(folder)
    for path in (folder / file for file in found if name.fullmatch(file)):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                rescue(path)
                remove(path)
        except OSError:
            pass  # a living process has it, or nobody can know
        finally:
            os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it can be removed."""
    if path.is_dir():
        import shutil  # with three compressors, which nobody needs who only reads files

        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
