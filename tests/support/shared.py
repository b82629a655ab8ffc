"""Folders that a test run makes once, in whichever of its processes needs one first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object], copy: Path
) -> Path:
    """Return `copy`, which gets what `make(folder)` leaves in an empty folder.

    Every process has a copy of its own, so no test sees what another process's tests change. The
    operating system releases the lock of a process that dies; the next one then starts afresh.
    """
    # With pytest-xdist, each process has a folder of its own in that of the test run.
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    whole, complete = base / f"{name}-once", base / f"{name}-once.complete"
    with FileLock(f"{whole}.lock"):
        if not complete.exists():
            shutil.rmtree(whole, ignore_errors=True)
            whole.mkdir()
            make(whole)
            complete.touch()
    return Path(shutil.copytree(whole, copy))
