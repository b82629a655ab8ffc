"""Any model as a verified file: `export(module, "net.onnx", data="signs", preprocessing="unit")`.

What the command `cnnkit export` does; `cnnkit.export.pipeline` is the half that writes and proves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError, OperatorsError
from cnnkit.evaluation.proof import proof_data, size_in, unlabelled, with_names
from cnnkit.export import pipeline
from cnnkit.formats.detect import detect, read_contract
from cnnkit.formats.options import Options
from cnnkit.formats.pytorch.foreign import is_foreign
from cnnkit.formats.registry import FORMATS, TABLE, find_format
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.models.files import as_stored, read_rounded
from cnnkit.models.network import Network
from cnnkit.models.read import has_makers, is_module, is_spec, read_model
from cnnkit.models.said import OURS, Said, Size
from cnnkit.runs.find import find_weights
from cnnkit.runtimes.carried import read_carried
from cnnkit.runtimes.loader import load
from cnnkit.verify.reference import Reference, of_outputs
from cnnkit.verify.report import Report

PROGRAMS = ("c", "torchscript", "pt2")
Data = str | Path | Dataset | NDArray[np.uint8]


def export(
    model: Any,
    path: str | Path,
    format: str | None = None,
    *,
    data: Data | None = None,
    preprocessing: str | Path | Preprocessing | Mapping[str, Any] | None = None,
    names: str | Path | Sequence[str] | None = None,
    size: Size | None = None,
    weights: str | Path | None = None,
    input: str = "uint8",
    opset: int | None = None,
    allow_near_ties: bool = False,
) -> Report:
    """Write a model in another format, prove it, and only then keep the file.

    Args:
        model: a torch.nn.Module, or a text: "torchvision:NAME", "timm:NAME",
            "package.module:factory", or the path of a run, a weights file, an ONNX file or a
            torch.export program; or what `cnnkit.models.read_model` returned.
        path: where the file goes; a model card goes beside it.
        format: a key of `cnnkit.export.FORMATS`; None takes it from the suffix of `path`.
        data: a folder or name as `--data` takes it, a `cnnkit.data.Dataset`, or pictures without
            labels, uint8 [N, C, H, W]. None takes the data that a run was trained on; for other
            models, random images.
        preprocessing: what is done to raw pixels before the model gets them: "unit", "imagenet",
            "none", a JSON file, a record or its values. None if the model or its makers say it.
        names: of the classes, or a text file with one per line.
        size: C, H, W of an image; None takes that of the data, if all pictures have the same.
        weights: a file with the parameters of a module.
        input: as `cnnkit.formats.options.Options` has it, like `opset`.
        opset: the ONNX operator set.
        allow_near_ties: as `cnnkit.verify.verify` has it.

    Raises:
        InputError: the model, or what is said of it, does not do; all nodes in the way are named.
        VerdictError: the file is not the model; nothing was kept.
        MissingError: a package that is needed is not installed.
        StorageError: a file cannot be read or written.
    """
    form = format_of(Path(path)) if format is None else find_format(format).name
    if size is None and (is_module(model) or is_spec(model)):
        size = _size(data, pictures=not has_makers(model))
    listed = Path(names) if isinstance(names, str) else names
    said = Said(None if weights is None else Path(weights), preprocessing, listed, size)
    network = read_for(form, model, said)
    test = _data(network, data)
    return pipeline.export(
        with_names(network.weights, test),
        form,
        Path(path),
        Options(test, input, opset),
        allow_near_ties,
        network.checks,
        reference_for(network, test),
    )


def read_for(form: str, model: Any, said: Said) -> Network:
    """Read a model for a format: ONNX also holds one with nodes that cnnkit has no operator for.

    Raises:
        InputError: as `read_model`; of any other format all nodes in the way are named.
    """
    try:
        return _artefact(form, model, said) or read_model(model, said)
    except OperatorsError as error:
        if form != "onnx":
            raise
        return read_carried(model, said, error)


def _artefact(wanted: str, model: Any, said: Said) -> Network | None:
    """Return the network in C, TorchScript or a torch.export program of ours; None if it is none.

    Its runtime opens programs, which shows what they hold. C and ONNX of rounded parameters are
    networks only for the format that holds these as they are.
    """
    if not isinstance(model, str | Path) or is_spec(model):
        return None
    path = find_weights(Path(model))
    form = detect(path)
    if (form, wanted) == ("onnx", "c-int8"):
        return read_rounded(path)
    is_same = form == wanted == "c-int8"
    if not is_same and (form not in PROGRAMS or (form == "pt2" and is_foreign(path))):
        return None
    said.refuse(path, OURS)
    stated = read_contract(path)
    is_c = form in ("c", "c-int8")
    weights = TABLE[form].read_weights(path) if is_c else load(path).weights
    return Network(as_stored(weights, stated), str(path), path=path)


def reference_for(network: Network, test: Dataset) -> Reference | None:
    """Return the logits of a network that cnnkit cannot compute; None of any other."""
    return None if network.compute is None else of_outputs(network.compute(test.test.images))


def format_of(path: Path) -> str:
    """Return the format that a file's suffix stands for.

    Raises:
        InputError: it is that of none.
    """
    found = [form for form in FORMATS.values() if path.name.endswith(form.suffix)]
    if not found:
        known = ", ".join(form.suffix for form in FORMATS.values())
        raise InputError(path, "has no suffix of a format", f"use one of {known}, or name a format")
    return max(found, key=lambda form: len(form.suffix)).name


def _size(data: Data | None, pictures: bool) -> Size | None:
    if isinstance(data, str | Path):
        return size_in(folder=Path(data), quiet=True, pictures=pictures)
    images = data.test.images if isinstance(data, Dataset) else data
    if images is None:
        return None
    channels, height, width = images.shape[1:]
    return channels, height, width


def _data(network: Network, data: Data | None) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if data is None or isinstance(data, str | Path):
        return proof_data(network, None, None if data is None else Path(data), quiet=True)
    return unlabelled(network.weights, data, "pictures")
