"""Decoded pictures and the facts of picture files, in cnnkit's cache: `Cache(root)`.

Pixels are kept by content: the key is the digest of all files and of how they were prepared. Facts
are kept by path, and hold as long as size, time and inode of a file are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import __version__ as pillow_version

from cnnkit.data.own.decoder import Facts
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.system.files import write_text

LARGEST = 10 * 2**30  # bytes of pixels that stay; what was not used for longest goes first
PIXELS, FACTS = "pixels.npy", "facts.json"
VERSION = 1  # of what is kept


class Cache:
    """The kept facts of one folder, and the pixels of all.

    Args:
        folder: where everything is kept.
        root: the folder of pictures.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root
        name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:32]
        self.index = folder / f"{name}.json"

    def facts(self, paths: Sequence[str]) -> tuple[list[Facts | None], list[list[int]]]:
        """Return what is known of each file, None if nothing, and the files' states now."""
        start = os.path.join(self.root, "")
        states = [_state(start + path) for path in paths]
        try:
            kept = json.loads(self.index.read_text())
            known = kept["files"] if kept["version"] == VERSION else {}
            found: list[Facts | None] = []
            for path, state in zip(paths, states, strict=True):
                row = known.get(path)
                found.append(Facts(*row[1:]) if row and row[0] == state and state else None)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            found = [None] * len(paths)
        return found, states

    def keep_facts(
        self, paths: Sequence[str], states: Sequence[list[int]], facts: Sequence[Facts]
    ) -> None:
        """Keep the facts of files that were in these states before they were read."""
        # A file that changed in the last moments may change again without a new time.
        young = time.time_ns() - 2_000_000_000
        rows = {
            path: [state, *fact]
            for path, state, fact in zip(paths, states, facts, strict=True)
            if state and state[1] < young
        }
        write_text(self.index, json.dumps({"version": VERSION, "files": rows}))

    def place(self, record: Preprocessing, facts: Sequence[Facts]) -> Path:
        """Return the folder of the pixels of these files, prepared so, whether it exists or not."""
        about = [VERSION, pillow_version, record.to_json(scaled_inside=True)]
        digest = hashlib.sha256(json.dumps(about).encode())
        for fact in facts:
            digest.update(fact.sha256.encode() + b"\n")
        return self.folder / digest.hexdigest()[:32]

    def read(self, place: Path) -> tuple[NDArray[np.uint8], list[Facts]] | None:
        """Return kept pixels, uint8 [N, C, H, W] in a mapped file, and facts; None if none are."""
        try:
            rows: NDArray[np.uint8] = np.load(place / PIXELS, mmap_mode="r")
            facts = [Facts(*row) for row in json.loads((place / FACTS).read_text())]
            os.utime(place)
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        return (rows, facts) if len(rows) == len(facts) else None

    def keep(self, temporary: Path, place: Path, facts: Sequence[Facts]) -> None:
        """Keep the pixels in `temporary` as those of `place`, and remove what is too much."""
        (temporary / FACTS).write_text(json.dumps(facts))
        try:
            temporary.rename(place)
        except OSError:  # another process was quicker
            shutil.rmtree(temporary, ignore_errors=True)
        self._trim(place)

    def _trim(self, newest: Path) -> None:
        places = [path for path in self.folder.iterdir() if (path / PIXELS).is_file()]
        places.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for path in places:
            total += (path / PIXELS).stat().st_size
            if total > LARGEST and path != newest:
                shutil.rmtree(path, ignore_errors=True)


def _state(path: str) -> list[int]:
    """Return size, time and inode of a file; nothing if it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ino]
