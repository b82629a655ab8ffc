"""cnnkit: train a small CNN, export it, prove the export equal, run it fast on a CPU.

`cnnkit.load("mnist.onnx")(images).label`; `cnnkit.load_dataset("mnist")`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnkit.data import load_dataset as load_dataset
    from cnnkit.fusion import fuse as fuse
    from cnnkit.runtimes import load as load

__version__ = version("cnnkit")
__all__ = ["__version__", "fuse", "load", "load_dataset"]

# Imported when first used: `import cnnkit` must cost nothing, and need no runtime.
HOMES = {
    "fuse": "cnnkit.fusion",
    "load": "cnnkit.runtimes",
    "load_dataset": "cnnkit.data",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'cnnkit' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
