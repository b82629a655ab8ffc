"""Any artefact in the runtime of its users: `cnnkit.runtimes.load("mnist.onnx")(images).label`.

Each format answers in the runtime that its users have: ONNX in ONNX Runtime, TorchScript and
torch.export in PyTorch, C compiled by the C compiler, weights in cnnkit's own kernels (without
PyTorch).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cnnkit.errors import InputError
from cnnkit.formats.detect import sniff
from cnnkit.runtimes.c import load_c
from cnnkit.runtimes.model import Model
from cnnkit.runtimes.native import load_weights
from cnnkit.runtimes.ort import load_onnx
from cnnkit.runtimes.pytorch import load_pt2, load_torchscript


def load(path: str | os.PathLike[str], threads: int = 1) -> Model:
    """Open an artefact, a weights file or a run folder in its runtime.

    Args:
        path: the file; its format is decided by its content.
        threads: how many it may use; PyTorch keeps its own (torch.set_num_threads).

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or not a file of ours.
        MissingError: its runtime is not installed, or its operators were not built.
    """
    model = open_model(Path(path), threads)
    if not model.intact:
        raise InputError(
            path,
            "holds other weights than its metadata says: damaged, or changed by another tool",
            "export it again, or use it without cnnkit",
        )
    return model


def open_model(path: Path, threads: int = 1) -> Model:
    """Open an artefact as `load` does, without holding its weights against its metadata."""
    return LOADERS[sniff(path)](path, threads)


LOADERS: dict[str, Callable[[Path, int], Model]] = {
    "c": load_c,
    "onnx": load_onnx,
    "torchscript": load_torchscript,
    "pt2": load_pt2,
    "weights": load_weights,
}
