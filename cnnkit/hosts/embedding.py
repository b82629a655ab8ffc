"""Embed a network in a host app: `embed(weights, "onnx", "node", Path("app"), dataset)`."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError, StorageError
from cnnkit.export.pipeline import export
from cnnkit.formats.base import Check, Format
from cnnkit.formats.c.format import C_INT8
from cnnkit.formats.detect import detect
from cnnkit.formats.onnx.format import ONNX
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.options import Options
from cnnkit.formats.quantisation import ROUNDED
from cnnkit.formats.registry import TABLE, find_format
from cnnkit.graph.quantised import run_integers
from cnnkit.graph.weights import Weights
from cnnkit.hosts.apps import host_folder, hosts
from cnnkit.models.read import is_spec
from cnnkit.runs.find import find_weights
from cnnkit.runs.folder import check_free
from cnnkit.verify.reference import reference_logits

if TYPE_CHECKING:
    from cnnkit.verify.report import Report

CHECK_IMAGES = 1000  # test images for the host app's own check
CHECK_FOLDER = "check"
CHANNELS = (1, 3)  # of the pictures that host apps take
STEM = "mnist"  # the host apps open their model by this file name


def format_of_model(model: str | None, host: str) -> str:
    """Return the format in which a model is embedded unless another one is named.

    That is a file's own, if there are host apps for it, and else onnx. An ONNX file in 8 bits goes
    into a host app in C as c-int8.

    Raises:
        StorageError, InputError: as in `cnnkit.formats.detect.detect`, or it is no ONNX file.
    """
    if model is not None and is_spec(model):
        return ONNX.name
    path = find_weights(None if model is None else Path(model))
    form = TABLE[detect(path)]
    known = hosts()
    if form is ONNX and (ONNX.name, host) not in known and (C_INT8.hosts, host) in known:
        return C_INT8.name if _is_in_8_bits(path) else ONNX.name
    return form.name if (form.hosts or form.name) in {name for name, _ in known} else ONNX.name


def _is_in_8_bits(path: Path) -> bool:
    operators = {name.rpartition(".")[2] for name in read_onnx(path).operators}
    return not operators.isdisjoint(ROUNDED)


def find_host(format: str, host: str) -> Path:
    """Return the installed folder of the host app for files of a format.

    Raises:
        InputError: there is no such format, or no such host app for it.
    """
    shared = find_format(format).hosts
    return host_folder(shared, host, format) if shared else host_folder(format, host)


def embed(
    weights: Weights,
    format: str,
    host: str,
    folder: Path,
    dataset: Dataset,
    before: Sequence[Check] = (),
) -> Report:
    """Copy a host app into `folder`, atomically, together with the network.

    The folder also contains the artefact (`mnist.onnx`, …), verified on all test images, and
    `check/`, the input of `check.sh check`, which compares the built host app with the network's
    predictions.

    Args:
        weights: the network; its input must have one channel, or three.
        format: the artefact's format, a key of `cnnkit.export.FORMATS`.
        host: the host app, a folder under export/<format>/.
        folder: a new or empty folder.
        dataset: the network's data set; its test images are used for verification and the check.
        before: what was checked when the network was read, for the report.

    Raises:
        InputError: there is no such host app, `folder` is not empty, or the network does not fit
            the data set, or the host app its number of input channels.
        VerdictError, MissingError: as in `cnnkit.export.export`.
        StorageError: `folder` cannot be written.
    """
    form, source = find_format(format), find_host(format, host)
    channels = weights.size[0]
    if channels not in CHANNELS:
        raise InputError(
            f"{format}/{host}",
            f"reads pictures of 1 or 3 channels; the network expects {channels}",
            "use a network with so many input channels, or write your own host app",
        )
    check_free(folder)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        shutil.copytree(
            source, temporary, ignore=shutil.ignore_patterns("node_modules", "__pycache__")
        )
        artefact = temporary / f"{STEM}{TABLE[form.hosts or form.name].suffix}"
        report = export(weights, format, artefact, Options(dataset), before=before)
        check = temporary / CHECK_FOLDER
        check.mkdir()
        for file in temporary.glob(f"{STEM}.*"):
            shutil.copy(file, check)
        images = dataset.test.images[:CHECK_IMAGES]
        np.save(check / "images.npy", images)
        np.save(check / "labels.npy", _labels(form, artefact, weights, images))
        (check / "names.txt").write_text("".join(f"{name}\n" for name in weights.names), "utf-8")
        if folder.is_dir():
            folder.rmdir()  # it is empty
        temporary.rename(folder)
    except OSError as error:
        raise StorageError(
            folder, f"cannot be written ({error.strerror or error})", "choose another folder"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return report


def _labels(
    form: Format, artefact: Path, weights: Weights, images: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Return what the host app has to predict: of a quantised file, what its integers do."""
    if form.quantised:
        logits = run_integers(form.read_weights(artefact).graph, images)
    else:
        logits = reference_logits(weights, images)[0]
    labels: NDArray[np.int64] = logits.argmax(axis=1)
    return labels
