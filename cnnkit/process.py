"""Run a module of cnnkit in a fresh Python process: `run_module("cnnkit.answers", "mnist.onnx")`.

A fresh process has no state of this one (classes already scripted, thread pools, a model that never
left memory), and a crash there is a result here.
"""

from __future__ import annotations

import os
import subprocess
import sys


def run_module(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments...` with this interpreter and this search path."""
    # -P: a file of the current folder that happens to be called torch.py must not be imported.
    command = [sys.executable, "-P", "-m", module, *map(str, arguments)]
    search = [path or os.getcwd() for path in sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(search), "PYTHONHASHSEED": "0"}
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def last_words(process: subprocess.CompletedProcess[str]) -> str:
    """Return how a process that failed ended: its last line, or the signal that stopped it."""
    lines = process.stderr.strip().splitlines()
    if process.returncode < 0:
        return f"stopped by signal {-process.returncode}"
    return lines[-1] if lines else f"exit code {process.returncode}"
