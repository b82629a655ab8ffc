"""Run a module of cnnkit in a fresh Python process: `run_module("cnnkit", "doctor")`.

A fresh process has no state of this one (classes already scripted, thread pools, a model that never
left memory), and a crash there is a result here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnnkit.errors import StorageError


@contextmanager
def exchange_folder() -> Iterator[Path]:
    """Yield a temporary folder for what two processes tell each other.

    Raises:
        StorageError: there is no room for it, or for what is written inside the block.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="cnnkit-") as folder:
            yield Path(folder)
    except OSError as error:
        raise StorageError(
            "temporary folder",
            f"cannot be written ({error.strerror or error})",
            "make room there, or set TMPDIR to another folder",
        ) from error


def module_command(module: str, *arguments: object) -> list[str]:
    """Return the words of `python -m module arguments...` with this interpreter."""
    # -P: a file of the current folder that happens to be called torch.py must not be imported.
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def module_environment() -> dict[str, str]:
    """Return the environment in which `module_command` finds what this process finds."""
    search = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return {**os.environ, "PYTHONPATH": search, "PYTHONHASHSEED": "0"}


def run_module(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments...` with this interpreter and this search path.

    Raises:
        OSError: the module had no room to write (see `exits_with_5_when_full`).
    """
    child = subprocess.run(
        module_command(module, *arguments),
        env=module_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode == StorageError.exit_code:
        raise OSError(last_words(child))
    return child


@contextmanager
def exits_with_5_when_full() -> Iterator[None]:
    """Surround the main function of a module that `run_module` runs."""
    try:
        yield
    except OSError as error:
        print(error.strerror or error, file=sys.stderr)
        sys.exit(StorageError.exit_code)


def last_words(process: subprocess.CompletedProcess[str]) -> str:
    """Return how a process that failed ended: its last line, or the signal that stopped it."""
    lines = process.stderr.strip().splitlines()
    if process.returncode < 0:
        return f"stopped by signal {-process.returncode}"
    return lines[-1] if lines else f"exit code {process.returncode}"
