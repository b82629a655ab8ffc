"""A host app with one's own network: `embed(weights, "onnx", "node", Path("app"), dataset)`."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError, StorageError
from cnnkit.export.pipeline import export
from cnnkit.formats.options import Options
from cnnkit.formats.registry import find_format
from cnnkit.graph.weights import Weights
from cnnkit.hosts.apps import host_folder
from cnnkit.runs.folder import check_free
from cnnkit.verify.run import reference_logits

if TYPE_CHECKING:
    from cnnkit.verify.report import Report

CHECKED = 1000  # test images that the host's own check answers
CHECK_FOLDER = "check"
STEM = "mnist"  # the name by which the hosts know their model


def embed(weights: Weights, format: str, host: str, folder: Path, dataset: Dataset) -> Report:
    """Copy a host into `folder`, whole or not at all, with the network that it will run.

    Beside the host's own files stand the artefact (`mnist.onnx`, …), verified on all test images,
    and `check/`: what `check.sh check` needs to hold the built host against the network's answers.

    Args:
        weights: the network; its input has one channel.
        format: of the artefact, a key of `cnnkit.export.FORMATS`.
        host: a folder under export/<format>/.
        folder: where it goes; new or empty.
        dataset: the network's data: its test images verify and check.

    Raises:
        InputError: there is no such host, `folder` is not free, or the network is not for grey
            pictures of the data's size.
        VerdictError, MissingError: as `cnnkit.export.export`.
        StorageError: `folder` cannot be written.
    """
    form, source = find_format(format), host_folder(format, host)
    channels = weights.architecture.input[0]
    if channels != 1:
        raise InputError(
            f"{format}/{host}",
            f"reads grey pictures; the network takes {channels} channels",
            "use a network of one input channel, or write your own host",
        )
    check_free(folder)
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        shutil.copytree(source, beside, ignore=shutil.ignore_patterns("node_modules"))
        report = export(weights, format, beside / f"{STEM}{form.suffix}", Options(dataset))
        check = beside / CHECK_FOLDER
        check.mkdir()
        for file in beside.glob(f"{STEM}.*"):
            shutil.copy(file, check)
        images = dataset.test.images[:CHECKED]
        np.save(check / "images.npy", images)
        np.save(check / "labels.npy", reference_logits(weights, images)[0].argmax(axis=1))
        (check / "names.txt").write_text("".join(f"{name}\n" for name in weights.names))
        if folder.is_dir():
            folder.rmdir()  # an empty one
        beside.rename(folder)
    except OSError as error:
        raise StorageError(
            folder, f"cannot be written ({error.strerror or error})", "choose another place"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return report
