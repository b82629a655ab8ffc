"""How a file begins, by which each format recognises its own."""

from __future__ import annotations

import io
from functools import cached_property
from pathlib import Path

from cnnkit.system.files import read_bytes


class Start:
    """How a file begins, which tells its format.

    Raises:
        StorageError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.head = path, read_bytes(path, 16)

    @cached_property
    def parts(self) -> frozenset[str]:
        """The names in a zip archive, without its root folder; none in a damaged one."""
        import zipfile  # which loads threads and three compressors

        try:
            with zipfile.ZipFile(io.BytesIO(read_bytes(self.path))) as archive:
                return frozenset(name.partition("/")[2] for name in archive.namelist())
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            return frozenset()
