"""C99: `write_c(weights, options)` returns a source and a header that need no other file.

A C file is a program, so cnnkit never compiles one that it does not know: it is what this version
writes for the weights, metadata and golden vectors in it, byte for byte, or it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.base import family
from cnnkit.formats.c.literals import read_arrays
from cnnkit.formats.c.network import stack_bytes
from cnnkit.formats.c.templates import EXPORT, header_text, prefix, source_text
from cnnkit.formats.contract import check_held, check_metadata
from cnnkit.formats.description import describe
from cnnkit.formats.golden import COUNT, KEY, Golden
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.weights import Weights
from cnnkit.system.files import read_bytes

METADATA = re.compile(r"^/\* metadata: (\{.*?^\}) \*/$", re.MULTILINE | re.DOTALL)
STATED_EXPORT = re.compile(rb"_EXPORT (?:!= )?(0x[0-9a-f]{8})\b")
STEM = re.compile(r"[\w+-][\w+. -]*", re.ASCII)
IN_SOURCE = [f"{KEY}{name}" for name in ("images", "labels", "logits", "probabilities")]
MOST_STACK = 4 << 20  # bytes; main threads have 8 MB on Linux and macOS
EXPORT_AGAIN = "export it again with `cnnkit export --format c`"


@dataclass(frozen=True)
class Source:
    """A source and its header, read and known to be ours.

    Attributes:
        path: the source; the header lies beside it.
        files: what both hold, by suffix.
        metadata: JSON values.
        weights: the network in it.
    """

    path: Path
    files: dict[str, bytes]
    metadata: dict[str, Any]
    weights: Weights

    @property
    def name(self) -> str:
        """What its functions' names begin with."""
        return prefix(self.path.stem)


def write_c(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return a C99 source and its header, which the source includes by its name.

    Raises:
        InputError: the network is not of the family, the name is not one that an #include can hold,
            or the network needs more stack than programs have.
    """
    stack = stack_bytes(family(weights, "c").architecture)
    if stack > MOST_STACK:
        raise InputError(
            f"{options.stem}.c",
            f"would need {stack:,} bytes of stack, and programs have about {2 * MOST_STACK:,}",
            "choose another format, such as onnx, or train a network with smaller feature maps",
        )
    return _write(describe(weights, options), weights, options.stem)


def read_c(path: Path) -> Source:
    """Read a C source of ours and the header beside it; neither is compiled.

    Raises:
        StorageError: one of the files cannot be read.
        InputError: they are not what this version of cnnkit writes for what they hold.
    """
    files = {".c": read_bytes(path), ".h": _read_header(path)}
    stated = [STATED_EXPORT.search(content) for content in files.values()]
    if all(stated) and len({found[1] for found in stated if found}) > 1:
        raise InputError(
            path,
            f"is of another export than {path.stem}.h beside it",
            "use the two files of one export, or " + EXPORT_AGAIN,
        )
    texts = _read_metadata(path, files[".h"])
    try:
        arrays = read_arrays(files[".c"].decode("ascii"))
        texts |= contract.encode(_golden_values(arrays))
    except (ValueError, KeyError) as error:
        raise InputError(path, f"is damaged ({error})", EXPORT_AGAIN) from error
    metadata = contract.decode(path, texts, "a C file")
    architecture = Architecture.from_json(metadata.get("cnnkit.architecture"), path)
    check_metadata(path, metadata, architecture.classes)
    tensors = {}
    for name, shape in architecture.parameter_shapes().items():
        values = arrays.get(name.replace(".", "_"), np.empty(0, np.float32))
        if values.dtype != np.float32 or values.size != np.prod(shape, dtype=np.int64):
            raise InputError(path, f"holds no parameter {name} of {list(shape)}", EXPORT_AGAIN)
        tensors[name] = values.reshape(shape)
    weights = Weights.of(architecture, tensors, metadata)
    check_held(path, metadata, weights.sha256, EXPORT_AGAIN)
    if _write(metadata, weights, path.stem) != files:
        raise InputError(
            path,
            "is not what this version of cnnkit writes for the weights in it: damaged, edited, "
            f"or written by another version ({metadata.get('version')})",
            EXPORT_AGAIN,
        )
    return Source(path, files, metadata, weights)


def _read_metadata(path: Path, header: bytes) -> dict[str, str]:
    """Return the metadata texts in a header of ours, without what the source holds."""
    found = METADATA.search(header.decode("ascii", "replace"))
    try:
        values = json.loads(found[1]) if found else {}
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"has damaged metadata ({error})", EXPORT_AGAIN) from error
    return contract.encode(values)


def _write(metadata: Mapping[str, Any], weights: Weights, stem: str) -> dict[str, bytes]:
    if not STEM.fullmatch(stem):
        raise InputError(
            f"{stem}.c",
            "has a name that not every compiler can include",
            "use letters, digits, '_', '-', '+' and '.'",
        )
    golden = Golden.from_json(metadata, weights.size, weights.classes)
    assert golden  # both callers have them
    values = {key: value for key, value in metadata.items() if key not in IN_SOURCE}
    texts = {
        ".c": source_text(weights, metadata, golden, stem),
        ".h": header_text(weights, values, stem),
    }
    export = hashlib.sha256("".join(texts.values()).encode("ascii")).hexdigest()[:8]
    return {
        suffix: text.replace(EXPORT, export, 1).encode("ascii") for suffix, text in texts.items()
    }


def _read_header(path: Path) -> bytes:
    header = path.with_suffix(".h")
    if not header.exists():
        raise InputError(path, f"has no {header.name} beside it", "keep the two files together")
    return read_bytes(header)


def _golden_values(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the golden vectors among the arrays as metadata values."""
    golden = Golden(
        arrays["golden_images"].astype(np.uint8),
        arrays["golden_labels"],
        arrays["golden_logits"].reshape(COUNT, -1),
        arrays["golden_probabilities"].reshape(COUNT, -1),
        0.0,  # the header has it
    )
    values = golden.to_json()
    return {key: values[key] for key in IN_SOURCE}
