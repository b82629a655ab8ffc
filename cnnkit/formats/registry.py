"""What artefacts say of themselves, read without running them: `read_contract(path)["names"]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.c.source import read_c, write_c
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.detect import sniff
from cnnkit.formats.onnx.fused import write_onnx_fused
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.onnx.quantize import speed, write_onnx_int8
from cnnkit.formats.onnx.writer import write_onnx
from cnnkit.formats.options import Options
from cnnkit.formats.pytorch.pt2 import read_pt2, write_pt2
from cnnkit.formats.pytorch.torchscript import read_torchscript, write_torchscript
from cnnkit.graph.weights import Weights


def read_contract(path: Path) -> dict[str, Any]:
    """Return an artefact's metadata as JSON values; needs no runtime.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or not a file of ours.
    """
    return READERS[sniff(path)](path)


READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "c": lambda path: read_c(path).metadata,
    "onnx": lambda path: contract.decode(path, read_onnx(path).metadata, "an ONNX file"),
    "torchscript": lambda path: contract.decode(
        path, read_torchscript(path), "a TorchScript archive"
    ),
    "pt2": lambda path: contract.decode(path, read_pt2(path)[0], "a torch.export archive"),
    "weights": lambda path: contract.metadata(read_weights(path)),
}


@dataclass(frozen=True)
class Format:
    """One row of the table of formats.

    Attributes:
        write: returns the content of every file of the artefact by its suffix, the main file first.
        suffix: the main file's.
        description: one line of help.
        choices: the options of the command line that it heeds.
        speed: times an artefact beside another format, for those that promise to be faster.
    """

    write: Callable[[Weights, Options], Mapping[str, bytes]]
    suffix: str
    description: str
    choices: frozenset[str] = frozenset({"--input"})
    speed: Callable[[Weights, Options, bytes], dict[str, Any]] | None = None


FORMATS: dict[str, Format] = {
    "c": Format(write_c, ".c", "C99, a source and its header, for firmware", frozenset()),
    "onnx": Format(
        write_onnx,
        ".onnx",
        "for ONNX Runtime, OpenCV, browsers, OpenVINO",
        frozenset({"--input", "--opset"}),
    ),
    "onnx-fused": Format(
        write_onnx_fused,
        ".fused.onnx",
        "ONNX with cnnkit's own operator, for ONNX Runtime with its library",
        frozenset({"--input", "--opset"}),
    ),
    "onnx-int8": Format(
        write_onnx_int8,
        ".int8.onnx",
        "ONNX with 8-bit weights and activations",
        frozenset({"--input", "--opset", "--max-drop"}),
        speed,
    ),
    "pt2": Format(write_pt2, ".pt2", "for torch.export.load"),
    "torchscript": Format(
        write_torchscript,
        ".pt",
        "for libtorch (deprecated by PyTorch; it works)",
    ),
}


def find_format(name: str) -> Format:
    """Return a row of the table.

    Raises:
        InputError: there is no format of this name.
    """
    if name not in FORMATS:
        raise InputError(
            f"--format {name}", "is unknown", f"choose one of {', '.join(sorted(FORMATS))}"
        )
    return FORMATS[name]
