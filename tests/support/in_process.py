"""What would have a process of its own runs in the test's: `in_process(monkeypatch, "isolated")`.

For tests of results. That a crash there is reported needs the process, and has tests of its own.
"""

from __future__ import annotations

import runpy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import CompletedProcess

import pytest


def in_process(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Run `python -m` of these modules of cnnkit.runtimes in this process, in no time."""

    def run(module: str, *arguments: object) -> CompletedProcess[str]:
        with monkeypatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the module is loaded already
            patch.setattr("sys.argv", [module, *map(str, arguments)])
            runpy.run_module(module, run_name="__main__")
        return CompletedProcess([], 0, "", "")

    @contextmanager
    def started(module: str, *arguments: object) -> Iterator[Callable[[], CompletedProcess[str]]]:
        yield lambda: run(module, *arguments)

    for module in modules:
        if module == "isolated":
            monkeypatch.setattr("cnnkit.runtimes.isolated.started_module", started)
        else:
            monkeypatch.setattr(f"cnnkit.runtimes.{module}.run_module", run)
