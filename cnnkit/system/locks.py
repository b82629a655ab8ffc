"""Who uses a file or folder, across processes: `with held(folder) as ours: ...`.

The locks are the operating system's, so a killed process holds none, and what it left can be told
from what a living one is writing.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cnnkit.system.lock import Lock

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
        lock = Lock(path)
    except OSError:
        yield None
        return
    try:
        yield _taken(lock, patience)
    finally:
        lock.close()


def _taken(lock: Lock, patience: float) -> bool | None:
    deadline = time.monotonic() + patience
    while True:
        taken = lock.take()
        if taken is not False or time.monotonic() >= deadline:
            return taken
        time.sleep(POLL)


@contextmanager
def temporary(make: Callable[[], Path]) -> Iterator[Path]:
    """Yield the file or folder that `make` creates, locked; it is removed at the end."""
    path, lock = _make_locked(make)
    try:
        yield path
    finally:
        remove(path)
        lock.close()


def _make_locked(make: Callable[[], Path]) -> tuple[Path, Lock]:
    while True:
        path = make()
        with suppress(FileNotFoundError):
            lock = Lock(path)
            _taken(lock, math.inf)
            if path.exists():
                return path, lock
            lock.close()  # `remove_stale` was quicker: make another one


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
            lock = Lock(path, follow=False)
        except OSError:
            continue
        try:
            if lock.is_mine() and lock.take():  # else a living process has it, or nobody can know
                rescue(path)
                remove(path)
        except OSError:
            pass
        finally:
            lock.close()


def remove(path: Path) -> None:
    """Remove a file or a folder, if it can be removed."""
    if path.is_dir():
        import shutil  # with three compressors, which nobody needs who only reads files

        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
