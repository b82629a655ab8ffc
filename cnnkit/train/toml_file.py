"""TOML files as a user writes them: `read_toml(Path("train.toml"))`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes


def read_toml(path: Path) -> dict[str, Any]:
    """Return a file's table.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not TOML.
    """
    try:
        return tomllib.loads(read_bytes(path).decode())
    except (ValueError, RecursionError) as error:
        raise InputError(
            path, f"is not TOML ({error})", "write lines such as epochs = 10"
        ) from error


def check_keys(table: Mapping[str, Any], known: Iterable[str], subject: object, what: str) -> None:
    """Raise InputError, with the nearest name, for a key that is not known."""
    known = list(known)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            every = f"use one of {', '.join(known)}"
            raise InputError(
                subject,
                f"has no {what} {key!r:.60}",
                f"did you mean {near[0]}? Otherwise {every}" if near else every,
            )
