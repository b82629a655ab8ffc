"""C99 as a row of the table of formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.formats.base import (
    Check,
    Format,
    holds_exactly,
    holds_what_it_held,
)

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.formats.options import Options
    from cnnkit.formats.start import Start
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


def _detect_int8(start: Start) -> bool:
    return start.head.startswith(b"/* cnnkit int8")


def _check_int8(weights: Weights) -> None:
    from cnnkit.formats.quantisation import check_quantisable

    check_quantisable(weights)


def _write_int8(weights: Weights, options: Options) -> dict[str, bytes]:
    from cnnkit.formats.c.source import write_c_int8

    return write_c_int8(weights, options)


def _check_integers(
    path: Path, about: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    from cnnkit.formats.c.integer_checks import check_integers

    return check_integers(path, about["metadata"], weights, dataset)


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
C_INT8 = replace(
    C,
    name="c-int8",
    description="C99 of 8-bit integers, for firmware",
    suffix=".int8.c",
    detect=_detect_int8,
    write=_write_int8,
    check=_check_int8,
    choices=frozenset({"--ram", "--flash", "--max-drop", "--ranges"}),
    quantised=True,
    check_weights=holds_what_it_held,
    check_content=_check_integers,
    hosts="c",
)
