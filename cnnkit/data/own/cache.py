"""Decoded pictures and the facts of picture files, in cnnkit's cache: `Cache(root)`.

Pixels are kept by content: the key is the digest of all files, of what is wrong with them, and of
how they were prepared. Facts are kept by path, and hold as long as a file's state is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import __version__ as pillow_version

from cnnkit.data.own.decoder import Facts, states_of
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.system.files import write_text

LARGEST = 10 * 2**30  # bytes of pixels that stay; what was not used for longest goes first
YOUNG = 2 * 10**9  # nanoseconds
PIXELS = "pixels.npy"
VERSION = 2  # of what is kept


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

    def facts(self, paths: Sequence[str]) -> list[Facts | None]:
        """Return what is known of each file, None if nothing."""
        try:
            kept = json.loads(self.index.read_text())
            known = kept["files"] if kept["version"] == VERSION else {}
            found: list[Facts | None] = []
            for path, state in zip(paths, states_of(self.root, paths), strict=True):
                fact = Facts(*known.get(path, ()))
                found.append(fact if state and fact.state == state else None)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return [None] * len(paths)
        return found

    def keep_facts(self, paths: Sequence[str], facts: Sequence[Facts], begun: int) -> None:
        """Keep the facts of files that were read since `begun`, in nanoseconds since 1970."""
        # A file that changed just before it was read may change again without a new time.
        young = begun - YOUNG
        rows = {
            path: fact
            for path, fact in zip(paths, facts, strict=True)
            if fact.state and fact.state[1] < young
        }
        write_text(self.index, json.dumps({"version": VERSION, "files": rows}))

    def place(self, record: Preprocessing, facts: Sequence[Facts]) -> Path:
        """Return the folder of the pixels of these files, prepared so, whether it exists or not."""
        about = [VERSION, pillow_version, record.to_json(scaled_inside=True)]
        digest = hashlib.sha256(json.dumps(about).encode())
        for fact in facts:
            digest.update(f"{fact.sha256} {fact.problem}\n".encode())
        return self.folder / digest.hexdigest()[:32]

    def read(self, place: Path) -> NDArray[np.uint8] | None:
        """Return kept pixels, uint8 [N, C, H, W] in a mapped file; None if there are none."""
        try:
            rows: NDArray[np.uint8] = np.load(place / PIXELS, mmap_mode="r")
            os.utime(place)
        except (OSError, ValueError, TypeError):
            return None
        return rows

    def keep(self, temporary: Path, place: Path) -> None:
        """Keep the pixels in `temporary` as those of `place`, and remove what is too much."""
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
