"""The sources as in a checkout: they lie in Python's way to the installed package."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]


def copy_sources(folder: Path) -> None:
    compiled = shutil.ignore_patterns("__pycache__", "_core.*.so", "_core*.pyd", "_hosts")
    shutil.copytree(ROOT / "cnnkit", folder / "cnnkit", ignore=compiled)
