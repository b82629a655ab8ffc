"""The weights file that training writes, as a row of the table of formats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.formats.base import Check, Format

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.formats.options import Options
    from cnnkit.formats.start import Start
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


def _check_checksum(
    path: Path, about: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    from cnnkit.formats.checkpoint import CHECKSUM, read_tensors

    held = read_tensors(path)[1].get(CHECKSUM)  # it has been compared by now
    found = f"SHA-256 {held[:12]}…" if held else "none: cnnkit 0.1 wrote no checksum"
    return [Check("its content has the checksum in it", True, found)]


WEIGHTS = Format(
    name="weights",
    description="safetensors, as `cnnkit train` writes them",
    suffix=".safetensors",
    detect=_detect,
    read_metadata=_read_metadata,
    read_weights=_read_weights,
    write=_write,
    choices=frozenset(),
    check_content=_check_checksum,
    proof="weights",
)
