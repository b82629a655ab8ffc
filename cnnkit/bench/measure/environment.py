"""Where a benchmark ran: `describe(threads)`.

It is what a reader needs to judge the figures, and a baseline to be comparable.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from cnnkit.system.cpu import cpu_name

COMPARABLE = ("cpu", "isa", "threads")  # two runs' times mean the same only if these are equal
WAIT_POLICY = "OMP_WAIT_POLICY"


def describe(threads: int) -> dict[str, Any]:
    """Return versions, processor, instruction set, threads and load as JSON values."""
    from cnnkit.ops.fused import isa

    return {
        "cnnkit": version("cnnkit"),
        "cpu": cpu_name(),
        "isa": isa(),
        "threads": threads,
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        # Others at work on the machine widen every interval.
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


@contextmanager
def passive_waiting() -> Iterator[None]:
    """Let OpenMP's threads sleep between calls: a pool that spins steals its neighbour's core.

    Only runtimes that are loaded inside see it.
    """
    before = os.environ.get(WAIT_POLICY)
    os.environ[WAIT_POLICY] = before or "PASSIVE"
    try:
        yield
    finally:
        if before is None:
            del os.environ[WAIT_POLICY]
