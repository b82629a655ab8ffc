"""Any artefact in the runtime of its users: `cnnkit.runtimes.load("mnist.onnx")(images).label`.

ONNX runs in ONNX Runtime, TorchScript and torch.export in PyTorch, C compiled by the C compiler,
weights and other tools' ONNX files in cnnkit's own engine (without PyTorch).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cnnkit.formats.contract import check_held, quantisation
from cnnkit.formats.detect import detect
from cnnkit.formats.onnx.weights import read_weights
from cnnkit.runs.find import find_weights
from cnnkit.runtimes.c import load_c
from cnnkit.runtimes.foreign import is_foreign, load_foreign, refuse_for_ours
from cnnkit.runtimes.model import Model
from cnnkit.runtimes.ort import load_onnx
from cnnkit.runtimes.pytorch import load_pt2, load_torchscript
from cnnkit.runtimes.weights import load_weights

Opener = Callable[[Path, int], Model]

# What each runtime opens, by the format that `detect` finds.
RUNTIMES: dict[str, dict[str, Opener]] = {
    "cnnkit": {"weights": load_weights},
    "onnxruntime": {"onnx": load_onnx},
    "torch": {"torchscript": load_torchscript, "pt2": load_pt2},
    "cc": {"c": load_c, "c-int8": load_c},
}


def load(
    path: str | os.PathLike[str],
    threads: int = 1,
    preprocess: str | None = None,
    names: Path | None = None,
) -> Model:
    """Open an artefact, a weights file, a run folder or another tool's ONNX file in its runtime.

    Args:
        path: the file; its format is decided by its content.
        threads: how many it may use; PyTorch keeps its own (torch.set_num_threads).
        preprocess: what is done to pixels before another tool's file gets them, as
            `cnnkit.formats.preprocess.read_record` has it; None if the file does it.
        names: a text file with the class names of another tool's file, one per line.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or no network that cnnkit can run.
        MissingError: its runtime is not installed, or its operators were not built.
    """
    path = Path(path)
    form = detect(path)
    if form == "onnx" and is_foreign(path):
        return load_foreign(path, threads, preprocess, names)
    refuse_for_ours(path, preprocess, names)
    model = open_model(path, threads)
    check_held(path, model.metadata, model.digest)
    if form == "onnx" and not quantisation(model.metadata):
        # A graph may use other tensors than those of the parameters' names, or compute more.
        check_held(path, model.metadata, read_weights(path).sha256)
    return model


def open_model(path: Path, threads: int = 1) -> Model:
    """Open an artefact as `load` does, without comparing its weights with its metadata."""
    form = detect(path)
    if form == "onnx" and is_foreign(path):
        return load_foreign(path, threads)
    opener = next(formats[form] for formats in RUNTIMES.values() if form in formats)
    return opener(find_weights(path), threads)
