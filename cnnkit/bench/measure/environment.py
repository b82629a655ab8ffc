"""Where a benchmark ran: `describe(threads)`.

A reader needs it to judge the figures, and `--compare` to tell whether two runs are comparable.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from cnnkit.ops.fused import isa
from cnnkit.system.cpu import cpu_name

COMPARABLE = ("cpu", "isa", "threads")  # two runs' times can be compared only if these are equal
WAIT_POLICY = "OMP_WAIT_POLICY"


def describe(threads: int) -> dict[str, Any]:
    """Return versions, processor, instruction set, threads and load as JSON values."""
    return {
        "cnnkit": version("cnnkit"),
        "cpu": cpu_name(),
        "isa": isa(),
        "threads": threads,
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        # Other work on the machine widens every interval.
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


@contextmanager
def passive_waiting() -> Iterator[None]:
    """Let OpenMP's threads sleep between calls: a spinning pool takes another peer's core.

    Only runtimes that are loaded inside the block obey it.
    """
    before = os.environ.get(WAIT_POLICY)
    os.environ[WAIT_POLICY] = before or "PASSIVE"
    try:
        yield
    finally:
        if before is None:
            del os.environ[WAIT_POLICY]
