"""What a file is by its content, never by its name: `detect(path) == "onnx"`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.errors import InputError
from cnnkit.formats.onnx.format import ONNX
from cnnkit.formats.registry import TABLE
from cnnkit.formats.start import Start
from cnnkit.formats.weights import WEIGHTS
from cnnkit.system.files import finish_move

if TYPE_CHECKING:
    from cnnkit.graph.weights import Weights

PICTURES = {
    b"\x89PNG\r\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WebP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
# Where a file has what mark, what it is, and what to do.
OTHERS = (
    (0, b"version https:", "a pointer of Git LFS", "fetch the model with `git lfs pull`"),
    (0, b"\x1f\x8b", "compressed by gzip", "unpack it with gunzip"),
    (0, b"---\nlibrary_name", "a model card", "name the file that it describes, without .md"),
    (4, b"ORTM", "in ONNX Runtime's own format (.ort)", "use the .onnx file that it was made from"),
)
REMEDY = "use a file from `cnnkit train` or `cnnkit export`"


def detect(path: Path) -> str:
    """Return the format of a file by its content, never by its name; "weights" for a run folder.

    Of the ONNX formats it is "onnx", whichever it is. The format's own reader says what is wrong
    further on in a file.

    Raises:
        StorageError: there is no such file, or it cannot be read.
        InputError: it is empty, a picture or a pickle.
    """
    if path.is_dir():
        return WEIGHTS.name
    finish_move(path)
    if path.exists() and not path.is_file():  # a device may be endless, a pipe is read only once
        raise InputError(path, "is not a regular file", "save it as a file first")
    start = Start(path)
    if not start.head:
        raise InputError(path, "is empty", REMEDY)
    name = next(row.name for row in TABLE.values() if row.detect(start))
    if name == ONNX.name:
        _refuse_others(start)
    return name


def _refuse_others(start: Start) -> None:
    """Raise InputError for a picture or a pickle, which no format above has taken."""
    head = start.head
    for magic, kind in PICTURES.items():
        if head.startswith(magic):
            raise InputError(start.path, f"is a {kind} picture, not a model", REMEDY)
    if head.startswith(b"PK") or (head[:1] == b"\x80" and b"\2" <= head[1:2] <= b"\5"):
        raise InputError(
            start.path,
            "is a pickle (torch.save), which can run any code when it is loaded, "
            "so cnnkit never does",
            "name the function or class that makes the module, with its parameters: "
            f"package.module:Class --weights {start.path} (torch.save(module.state_dict(), …)); or "
            + REMEDY,
        )
    for at, magic, kind, remedy in OTHERS:
        if head[at:].startswith(magic):
            raise InputError(start.path, f"is {kind}, not a model", remedy)


def read_contract(path: Path) -> dict[str, Any]:
    """Return an artefact's metadata as JSON values; needs no runtime.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or not a file of ours.
    """
    return TABLE[detect(path)].read_metadata(path)


def read_network(path: Path) -> Weights:
    """Return the network in a weights file, from which artefacts are made.

    Raises:
        StorageError: it cannot be read.
        InputError: it is damaged, or a file of another format.
    """
    form = detect(path)
    if form != WEIGHTS.name:
        raise InputError(
            path,
            f"is a file of the format {form}, and artefacts are made from weights files",
            "give the run folder or the weights.safetensors that the network was trained to; "
            "`cnnkit eval`, `predict` and `doctor` take the file as it is",
        )
    return TABLE[form].read_weights(path)
