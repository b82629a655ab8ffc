"""What a file is by its content, never by its name: `sniff(path) == "onnx"`."""

from __future__ import annotations

from pathlib import Path

from cnnkit.errors import InputError
from cnnkit.files import read_bytes

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
    """Return "weights" (also for a run folder), "torchscript" (any zip file), "c" or "onnx" (rest).

    Only the first bytes are read: the format's own reader says what is wrong further on.

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
    for magic, kind in PICTURES.items():
        if head.startswith(magic):
            raise InputError(path, f"is a {kind} picture, not a model", remedy)
    if head[:1] == b"\x80" and b"\2" <= head[1:2] <= b"\5":
        raise pickle_refused(path)
    if head.startswith(b"PK"):
        return "torchscript"
    if head.startswith(b"/* cnnkit"):
        return "c"
    # safetensors: the length of a JSON header as eight little-endian bytes, then the header
    return "weights" if head[4:9] == b"\0\0\0\0{" else "onnx"


def pickle_refused(path: Path) -> InputError:
    """Return the error for a pickle, which runs whatever code its author put there."""
    return InputError(
        path,
        "is a pickle (torch.save), which can run any code when it is loaded, so cnnkit never does",
        "use a file from `cnnkit train` or `cnnkit export`",
    )
