"""The weights file that training writes, as a row of the table of formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.formats.base import Format

if TYPE_CHECKING:
    from cnnkit.formats.detect import Start
    from cnnkit.formats.options import Options
    from cnnkit.graph.weights import Weights


def _detect(start: Start) -> bool:
    # safetensors: the length of a JSON header as eight little-endian bytes, then the header.
    return start.head[4:9] == b"\0\0\0\0{"


def _read_metadata(path: Path) -> dict[str, Any]:
    from cnnkit.formats.checkpoint import read_weights
    from cnnkit.formats.description import metadata

    return metadata(read_weights(path))


def _read_weights(path: Path) -> Weights:
    from cnnkit.formats.checkpoint import read_weights

    return read_weights(path)


def _write(weights: Weights, options: Options) -> dict[str, bytes]:
    from cnnkit.formats.checkpoint import encode_weights

    return {WEIGHTS.suffix: encode_weights(weights)}


WEIGHTS = Format(
    name="weights",
    description="safetensors, as `cnnkit train` writes them",
    suffix=".safetensors",
    detect=_detect,
    read_metadata=_read_metadata,
    read_weights=_read_weights,
    write=_write,
    choices=frozenset(),
)
