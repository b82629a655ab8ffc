"""Read picture files: their facts, and their pixels as the network gets them: `read_chunk(...)`.

`python -m cnnkit.data.own.decoder` does so in a process of its own, for requests on stdin: Pillow's
readers are mostly Python, so threads would wait for each other.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cnnkit.data.fitting import fit_picture
from cnnkit.data.jpeg import decoded, plain_header
from cnnkit.data.own.class_folders import UNREADABLE
from cnnkit.data.pictures import fault, opened, quiet, read_file
from cnnkit.errors import CnnkitError, StorageError
from cnnkit.graph.preprocessing import Preprocessing

LONGEST = max(map(len, UNREADABLE))
ORIENTATION = 0x0112  # the EXIF tag
THINNEST = 50  # times longer than wide: nothing of it is left in a small square
ONE_FRAME = ("JPEG", "MPO")  # MPO is a JPEG with a preview, or a second eye's view, behind it
# Bytes 4 to 11 of phones' pictures, which are often renamed to .jpg.
BRANDS = {b"ftypheic": "HEIC", b"ftypheix": "HEIC", b"ftypmif1": "HEIC", b"ftypavif": "AVIF"}
GRAY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class Facts(NamedTuple):
    """What is known of a picture file.

    Attributes:
        sha256: of its content; empty if it cannot be read.
        width, height: in pixels, upright; 0 if unknown.
        gray: whether it has no colours, by its mode.
        mode: Pillow's name of its pixels' format.
        turned: whether a camera noted that it has to be turned.
        problem: why it cannot be used; empty if it can.
        state: of the file when it was read, see `state_of`; empty if it could not be.
    """

    sha256: str = ""
    width: int = 0
    height: int = 0
    gray: bool = False
    mode: str = ""
    turned: bool = False
    problem: str = ""
    state: Sequence[int] = ()


def state_of(status: os.stat_result) -> list[int]:
    """Return a file's size, time of change and inode: if they are the same, so is its content."""
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def read_chunk(
    root: Path, paths: Sequence[str], record: Preprocessing | None = None
) -> tuple[list[Facts], bytes]:
    """Return the facts of pictures; with `record`, also their pixels.

    Args:
        root: the folder that `paths` are relative to.
        paths: N files.
        record: how they are prepared; None reads the headers only.

    Returns:
        The facts, and the bytes of uint8 [N, C, H, W], zero where a picture cannot be used.
    """
    found, rows = [], []
    start = os.path.join(root, "")
    black = bytes(math.prod(record.size) if record else 0)
    with quiet():
        for path in paths:
            facts, pixels = read_picture(start + path, record)
            found.append(facts)
            rows.append(black if pixels is None else pixels.tobytes())
    return found, b"".join(rows)


def read_picture(path: str, record: Preprocessing | None) -> tuple[Facts, NDArray[np.uint8] | None]:
    """Return a picture's facts, and with `record` its pixels uint8 [C, H, W] unless unusable."""
    try:
        content, status = read_file(path)
    except CnnkitError as error:
        return Facts(problem=error.reason), None
    except OSError as error:
        return Facts(problem=f"cannot be read ({error.strerror or error})"), None
    facts = Facts(hashlib.sha256(content).hexdigest(), state=state_of(status))
    kind = BRANDS.get(content[4:12])
    if not kind and path[-LONGEST:].lower().endswith(UNREADABLE):
        kind = os.path.splitext(path)[1][1:].upper()
    if kind:
        return facts._replace(problem=f"is a {kind} file, which is not read"), None
    if not content:
        return facts._replace(problem="is empty"), None
    only = facts
    try:
        if header := plain_header(content):
            mode, (width, height) = header
            facts = _with_size(only, width, height, mode)
            if facts.problem or record is None:
                return facts, None
            if plain := decoded(content, *header):
                return facts, fit_picture(plain, record)
            facts = only
        with opened(path, content) as picture:
            facts = _look(only, picture)
            if facts.problem or record is None:
                return facts, None
            seen = ImageOps.exif_transpose(picture) if facts.turned else picture
            return facts, fit_picture(seen, record)
    except Exception as error:
        return facts._replace(problem=fault(path, error).reason), None


def _look(facts: Facts, picture: Image.Image) -> Facts:
    orientation = 1
    # Where a JPEG has neither, Pillow would take as long to say so as to read all of its header.
    if picture.format != "JPEG" or "exif" in picture.info or "xmp" in picture.info:
        orientation = picture.getexif().get(ORIENTATION, 1)
    turned = isinstance(orientation, int) and 2 <= orientation <= 8
    width, height = picture.size
    if turned and orientation >= 5:
        width, height = height, width
    frames = 1 if picture.format in ONE_FRAME else getattr(picture, "n_frames", 1)
    return _with_size(facts, width, height, picture.mode, turned, frames)


def _with_size(
    facts: Facts, width: int, height: int, mode: str, turned: bool = False, frames: int = 1
) -> Facts:
    problem = ""
    if frames > 1:
        problem = f"has {frames} frames (an animation, or pages)"
    elif max(width, height) > THINNEST * min(width, height):
        problem = f"is {width}x{height} pixels, of which nothing would be left"
    gray = mode in GRAY_MODES
    return Facts(facts.sha256, width, height, gray, mode, turned, problem, facts.state)


def states_of(root: Path | str, paths: Sequence[str]) -> list[list[int]]:
    """Return the states of files, empty for those that are not there."""
    start, found = os.path.join(root, ""), []
    for path in paths:
        try:
            found.append(state_of(os.stat(start + path)))
        except OSError:
            found.append([])
    return found


def answer(request: dict[str, Any]) -> list[Any]:
    """Answer one request of `cnnkit.data.own.reading`: with the facts of files, or their states.

    Raises:
        StorageError: the pixels cannot be written.
    """
    if "record" not in request:
        return states_of(request["root"], request["paths"])
    if request["record"] is None:
        return read_chunk(Path(request["root"]), request["paths"])[0]
    record = Preprocessing.from_json(request["record"])
    found, rows = read_chunk(Path(request["root"]), request["paths"], record)
    path, begin = request["rows"]
    try:
        # Written, not mapped: every new page of a mapped file takes longer than its pixels' copy.
        with open(path, "r+b", buffering=0) as file:
            file.seek(begin + request["start"] * math.prod(record.size))
            while rows:
                rows = rows[file.write(rows) :]
    except OSError as error:
        raise StorageError(
            path,
            f"cannot be written ({error.strerror or error})",
            "free disk space, or set XDG_CACHE_HOME to another folder",
        ) from error
    return found


def main() -> None:
    """Answer requests on stdin, a line of JSON each, until there are none."""
    replies = os.fdopen(os.dup(1), "w")  # whatever a library prints goes to stderr
    os.dup2(2, 1)
    with suppress(BrokenPipeError):  # the other side was killed
        for line in sys.stdin:
            try:
                reply: Any = answer(json.loads(line))
            except StorageError as error:
                reply = {"refused": [error.subject, error.reason, error.remedy]}
            replies.write(json.dumps(reply) + "\n")
            replies.flush()
    os._exit(0)  # at once: the other side waits, and there is nothing to tidy up


if __name__ == "__main__":
    main()
