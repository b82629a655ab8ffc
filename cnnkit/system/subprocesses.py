"""Run a module of cnnkit in a fresh Python process: `run_module("cnnkit", "doctor")`.

A fresh process shares no state with this one (scripted classes, thread pools, a model that is still
in memory), and if it crashes, this process can report it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cnnkit.errors import StorageError
from cnnkit.system.locks import remove_stale, temporary

EXCHANGE = re.compile(r"cnnkit-exchange-[a-z0-9_]{8}")


@contextmanager
def exchange_folder() -> Iterator[Path]:
    """Yield a temporary folder through which two processes exchange files.

    Those that killed processes left are removed first.

    Raises:
        StorageError: it, or a file inside the block, cannot be written.
    """
    try:
        remove_stale(Path(tempfile.gettempdir()), EXCHANGE)
        with temporary(lambda: Path(tempfile.mkdtemp(prefix="cnnkit-exchange-"))) as folder:
            yield folder
    except OSError as error:
        raise StorageError(
            "temporary folder",
            f"cannot be written ({error.strerror or error})",
            "free disk space, or set TMPDIR to another folder",
        ) from error


def module_command(module: str, *arguments: object) -> list[str]:
    """Return the argument list of `python -m module arguments...` with this interpreter."""
    # -P: a file in the current folder that happens to be called torch.py must not be imported.
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def module_environment() -> dict[str, str]:
    """Return an environment in which `module_command` has this process's import path."""
    search = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return {**os.environ, "PYTHONPATH": search, "PYTHONHASHSEED": "0"}


def run_module(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments...` with this interpreter and this import path.

    Raises:
        OSError: the module could not write a file (see `exits_with_5_when_full`).
    """
    with started_module(module, *arguments) as finish:
        return finish()


@contextmanager
def started_module(
    module: str, *arguments: object
) -> Iterator[Callable[[], subprocess.CompletedProcess[str]]]:
    """Start what `run_module` runs, and yield the function that waits for it.

    A process that nobody waited for when the block ends is killed.
    """
    with subprocess.Popen(
        module_command(module, *arguments),
        env=module_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as child:

        def finish() -> subprocess.CompletedProcess[str]:
            texts = child.communicate()
            done = subprocess.CompletedProcess(child.args, child.returncode, *texts)
            if done.returncode == StorageError.exit_code:
                raise OSError(last_words(done))
            return done

        try:
            yield finish
        finally:
            child.kill()  # which does nothing to one that has ended


@contextmanager
def exits_with_5_when_full() -> Iterator[None]:
    """Wrap the main function of a module that `run_module` runs: exit with 5 on OSError."""
    try:
        yield
    except OSError as error:
        print(error.strerror or error, file=sys.stderr)
        sys.exit(StorageError.exit_code)


def last_words(process: subprocess.CompletedProcess[str]) -> str:
    """Return why a process failed: its last line on stderr, its signal or its exit code."""
    lines = process.stderr.strip().splitlines()
    if process.returncode < 0:
        return f"stopped by signal {-process.returncode}"
    return lines[-1] if lines else f"exit code {process.returncode}"
