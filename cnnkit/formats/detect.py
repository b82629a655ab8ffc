"""What a file is by its content, never by its name: `sniff(path) == "onnx"`."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

PICTURES = {
    b"\x89PNG\r\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WebP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}


def sniff(path: Path) -> str:
    """Return what a file seems to be; the format's own reader says what is wrong further on.

    That is "weights" (also for a run folder), "pt2" or "torchscript" (any other zip file), "c", or
    "onnx" (the rest).

    Raises:
        StorageError: there is no such file, or it cannot be read.
        InputError: it is empty, a picture or a pickle.
    """
    if path.is_dir():
        return "weights"
    head = read_bytes(path, 16)
    remedy = "use a file from `cnnkit train` or `cnnkit export`"
    if not head:
        raise InputError(path, "is empty", remedy)
    # safetensors: the length of a JSON header as eight little-endian bytes, then the header. Before
    # all else, for the length may look like another format's first bytes.
    if head[4:9] == b"\0\0\0\0{":
        return "weights"
    for magic, kind in PICTURES.items():
        if head.startswith(magic):
            raise InputError(path, f"is a {kind} picture, not a model", remedy)
    if head[:1] == b"\x80" and b"\2" <= head[1:2] <= b"\5":
        raise pickle_refused(path)
    if head.startswith(b"PK"):
        return _sniff_archive(path)
    return "c" if head.startswith(b"/* cnnkit") else "onnx"


def _sniff_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(path))) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return "torchscript"
    parts = {name.partition("/")[2] for name in names}
    if "archive_format" in parts:
        return "pt2"
    if "data.pkl" in parts and "constants.pkl" not in parts:
        raise pickle_refused(path)
    return "torchscript"


def pickle_refused(path: Path) -> InputError:
    """Return the error for a pickle, which runs whatever code its author put there."""
    return InputError(
        path,
        "is a pickle (torch.save), which can run any code when it is loaded, so cnnkit never does",
        "use a file from `cnnkit train` or `cnnkit export`",
    )
