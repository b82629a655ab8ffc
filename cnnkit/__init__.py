"""cnnkit: train a small CNN, export it, prove the export equal, run it fast on a CPU.

`cnnkit.load("mnist.onnx")(images).label`; `cnnkit.load_dataset("mnist")`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnkit.classifier import load as load
    from cnnkit.data import load_dataset as load_dataset
    from cnnkit.fusion import fuse as fuse
    from cnnkit.ort import ort_custom_ops as ort_custom_ops

    __version__: str

__all__ = ["__version__", "fuse", "load", "load_dataset", "ort_custom_ops"]

# Imported when first used: `import cnnkit` must cost nothing, and need no runtime.
HOMES = {
    "fuse": "cnnkit.fusion",
    "load": "cnnkit.classifier",
    "load_dataset": "cnnkit.data",
    "ort_custom_ops": "cnnkit.ort",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("cnnkit")
    if name not in HOMES:
        raise AttributeError(f"module 'cnnkit' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
