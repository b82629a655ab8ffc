"""Opening picture files of others: `with open_picture(path, content) as picture: ...`.

Pillow tries some forty formats, one of them by running Ghostscript, a file of a few kilobytes may
stand for gigabytes of pixels, and a link may lead to a device that never ends. All that is decided
here, before anything is decoded.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import jpeg_factory

from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # `cnnkit predict --help` names them
JPEG = b"\xff\xd8\xff"  # how its files begin
LARGEST_PICTURE = 50_000_000  # pixels; phones take 12 to 50 million
LARGEST_FILE = 2**29  # bytes: as many pixels in 16-bit RGBA, uncompressed


def read_file(path: Path | str) -> tuple[bytes, os.stat_result]:
    """Return a picture file's content, and its status when it was opened.

    Raises:
        OSError: it cannot be read.
        InputError: it is a device, a pipe or a folder, or too large for a picture.
    """
    # A pipe would be waited for as soon as it is opened, before one could see what it is.
    # Windows has no such flag, and another one without which it changes line ends.
    more = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, os.O_RDONLY | more)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(path, "is not a regular file", "remove it, or replace it by a copy")
        if status.st_size > LARGEST_FILE:
            raise _too_long(path)
        content = os.read(descriptor, status.st_size + 1)
        while len(content) < status.st_size and (more := os.read(descriptor, status.st_size)):
            content += more
        return content, status
    finally:
        os.close(descriptor)


def read_named(path: Path) -> bytes:
    """Return the content of a picture file that a person named, which may be a pipe.

    Raises:
        StorageError: it cannot be read.
        InputError: it is too large for a picture.
    """
    content = read_bytes(path, LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise _too_long(path)
    return content


@contextmanager
def open_picture(path: Path | str, content: bytes) -> Iterator[Image.Image]:
    """Open a picture without decoding its pixels; what the block raises is the picture's fault.

    Args:
        path: the file, for messages.
        content: what it holds.

    Raises:
        InputError: it is not a picture of a known format, is too large, or is damaged.
    """
    try:
        with quiet(), opened(path, content) as picture:
            yield picture
    except Exception as error:
        raise fault(path, error) from error


def quiet() -> warnings.catch_warnings[None]:
    """Return a context without Pillow's warnings, of odd metadata and of large pictures."""
    return warnings.catch_warnings(action="ignore")


def opened(path: Path | str, content: bytes) -> Image.Image:
    """Return a picture whose pixels are not decoded yet; `fault` says what its errors mean."""
    picture = _jpeg(content) or Image.open(io.BytesIO(content), formats=FORMATS)
    if picture.width * picture.height > LARGEST_PICTURE:
        raise _too_large(path, f"{picture.width}x{picture.height}")
    return picture


def _jpeg(content: bytes) -> Image.Image | None:
    """Return an intact JPEG as `Image.open` does, without its search for the format; else None."""
    if not content.startswith(JPEG):
        return None
    try:
        return jpeg_factory(io.BytesIO(content))
    except Exception:
        return None  # `Image.open` says why


def fault(path: Path | str, error: Exception) -> InputError:
    """Return what is wrong with a picture, by what was raised when it was read."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, Image.DecompressionBombError):
        return _too_large(path, "too many")
    if isinstance(error, UnidentifiedImageError):
        return InputError(
            path, "is not a picture", f"save it as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        )
    # Damaged files make Pillow's readers raise any exception.
    return InputError(path, f"is a damaged picture ({error})", "save it again, as PNG or JPEG")


def _too_long(path: Path | str) -> InputError:
    return InputError(path, f"has more than {LARGEST_FILE:,} bytes", "make it smaller")


def _too_large(path: Path | str, count: str) -> InputError:
    return InputError(path, f"has {count} pixels, more than {LARGEST_PICTURE:,}", "make it smaller")
