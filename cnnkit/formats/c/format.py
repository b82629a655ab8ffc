"""C99 as a row of the table of formats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.formats.base import Check, Format, holds_exactly

if TYPE_CHECKING:
    from cnnkit.formats.detect import Start
    from cnnkit.formats.options import Options
    from cnnkit.graph.weights import Weights


def _detect(start: Start) -> bool:
    return start.head.startswith(b"/* cnnkit")


def _read_metadata(path: Path) -> dict[str, Any]:
    from cnnkit.formats.c.source import read_c

    return read_c(path).metadata


def _read_weights(path: Path) -> Weights:
    from cnnkit.formats.c.source import read_c

    return read_c(path).weights


def _check(weights: Weights) -> None:
    from cnnkit.formats.c.source import body_of

    body_of(weights)


def _check_weights(path: Path, about: Mapping[str, Any], weights: Weights) -> Check:
    """Check that a source holds these parameters, as it holds those of its kind of network."""
    from cnnkit.formats.c.source import as_held

    return holds_exactly(path, about, as_held(weights))


def _write(weights: Weights, options: Options) -> dict[str, bytes]:
    from cnnkit.formats.c.source import write_c

    return write_c(weights, options)


C = Format(
    name="c",
    description="C99, a source and its header, for firmware",
    suffix=".c",
    detect=_detect,
    read_metadata=_read_metadata,
    read_weights=_read_weights,
    write=_write,
    check=_check,
    choices=frozenset({"--ram", "--flash"}),
    check_weights=_check_weights,
    proof="source",
)
