"""cnnkit: train a small CNN, export it, verify the export, run it fast on a CPU.

    cnnkit.train.train(cnnkit.train.TrainConfig(epochs=3))     a run folder
    cnnkit.export.export("runs/train/mnist-1", "mnist.onnx")   a file with its proof
    cnnkit.load("mnist.onnx")(images).label                    predictions
    cnnkit.verify.against("a.onnx", "b.onnx")                  do two models agree?
    cnnkit.fuse(model)                                         a PyTorch model with fused blocks

Packages: `data` reads images and labels, `train` trains, `export` writes and proves files, `verify`
compares models, `evaluation` tells how good one is, `runtimes` runs them, `ops` and `nn` are the
fused operator for NumPy and PyTorch.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any


def _become_the_installed_package() -> None:
    """Replace this module by the installed cnnkit, if there is one further down the import path.

    In a checkout, `python -m` finds these sources first, which lack the extension. The installed
    package is used as a whole, including this file, so that sources and extension always match.
    """
    from importlib.util import module_from_spec

    for folder in sys.path:
        spec = PathFinder.find_spec(__name__, [folder])
        if spec is None or spec.loader is None:
            continue
        if PathFinder.find_spec(f"{__name__}._core", spec.submodule_search_locations):
            sys.modules[__name__] = module_from_spec(spec)  # what `import` returns then
            spec.loader.exec_module(sys.modules[__name__])
            return


if not PathFinder.find_spec(f"{__name__}._core", __path__):
    _become_the_installed_package()

from cnnkit.lazy import attach  # noqa: E402 - after the package has been chosen

if TYPE_CHECKING:
    from cnnkit import data as data
    from cnnkit import evaluation as evaluation
    from cnnkit import export as export
    from cnnkit import nn as nn
    from cnnkit import ops as ops
    from cnnkit import runtimes as runtimes
    from cnnkit import train as train
    from cnnkit import verify as verify
    from cnnkit.data.load import load_dataset as load_dataset
    from cnnkit.nn.fusion.model import fuse as fuse
    from cnnkit.ops.ort_op import ort_custom_ops as ort_custom_ops
    from cnnkit.runtimes.classifier import load as load

    __version__: str

# Packages that need no import of their own: `import cnnkit` is enough for `cnnkit.export.export`.
_PACKAGES = ("data", "evaluation", "export", "nn", "ops", "runtimes", "train", "verify")

__all__ = [
    "__version__",
    "fuse",
    "load",
    "load_dataset",
    "ort_custom_ops",
    *_PACKAGES,
]

_find, _names = attach(
    __name__,
    {
        "fuse": ".nn.fusion.model",
        "load": ".runtimes.classifier",
        "load_dataset": ".data.load",
        "ort_custom_ops": ".ops.ort_op",
    },
    needs={"fuse": "torch"},
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("cnnkit")
    if name in _PACKAGES:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    return _find(name)


def __dir__() -> list[str]:
    return sorted(["__version__", *_names(), *_PACKAGES])
