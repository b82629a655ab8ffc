"""cnnkit: train a small CNN, export it, prove the export equal, run it fast on a CPU.

`cnnkit.load("mnist.onnx")(images).label`; `cnnkit.load_dataset("mnist")`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.data.dataset import load_dataset as load_dataset
    from cnnkit.nn.fusion import fuse as fuse
    from cnnkit.ops.ort_op import ort_custom_ops as ort_custom_ops
    from cnnkit.runtimes.classifier import load as load

    __version__: str

__all__ = ["__version__", "fuse", "load", "load_dataset", "ort_custom_ops"]

_find, _ = attach(
    __name__,
    {
        "fuse": ".nn.fusion",
        "load": ".runtimes.classifier",
        "load_dataset": ".data.dataset",
        "ort_custom_ops": ".ops.ort_op",
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("cnnkit")
    return _find(name)


def __dir__() -> list[str]:
    return __all__
