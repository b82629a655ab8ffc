"""cnnkit: train a small CNN, export it, prove the export equal, run it fast on a CPU."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("cnnkit")
