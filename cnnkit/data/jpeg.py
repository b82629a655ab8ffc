"""Plain JPEG files, which Pillow's decoder reads without more: `decoded(content, *header)`.

`Image.open` looks in Python for all that a file's head may hold. Most small pictures have nothing
of it, and would take a third longer.
"""

from __future__ import annotations

from PIL import Image

from cnnkit.data.pictures import JPEG, LARGEST_PICTURE

FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive
SCAN = 0xDA  # the pixels
JFIF, JFIF_BYTES = 0xE0, 16  # Pillow refuses files in which it is much shorter
OTHERS = (0xC4, 0xDB, 0xDD, 0xFE)  # tables, the restart interval, comments
MODES = {1: "L", 3: "RGB"}  # by the number of components


def plain_header(content: bytes) -> tuple[str, tuple[int, int]] | None:
    """Return the mode and (width, height) of a JPEG file; None for `Image.open` to look at.

    That is each file whose head is damaged, is of a very large picture, or has parts that the
    decoder does not need: a camera's notes (how it was held, say), a colour profile, a preview.
    """
    if not content.startswith(JPEG):
        return None
    found, at = None, 2
    try:
        while content[at] == 0xFF:
            marker, length = content[at + 1], content[at + 2] << 8 | content[at + 3]
            if marker == SCAN:
                return found if at + 2 + length <= len(content) else None
            if marker in FRAMES:
                height = content[at + 5] << 8 | content[at + 6]
                width = content[at + 7] << 8 | content[at + 8]
                mode = MODES.get(content[at + 9])
                if mode is None or content[at + 4] != 8:  # bits
                    return None
                if not 0 < width * height <= LARGEST_PICTURE:
                    return None
                found = mode, (width, height)
            elif marker not in OTHERS and (marker != JFIF or length < JFIF_BYTES):
                return None
            if length < 2:
                return None
            at += 2 + length
    except IndexError:  # the file ends before its pixels begin
        pass
    return None


def decoded(content: bytes, mode: str, size: tuple[int, int]) -> Image.Image | None:
    """Return the picture with that header, as `Image.open` decodes it; None if it is damaged."""
    try:
        return Image.frombytes(mode, size, content, "jpeg", mode, "")
    except ValueError:
        return None
