"""Opening picture files of others: `with open_picture(path, content) as picture: ...`.

Pillow tries some forty formats, one of them by running Ghostscript, and a file of a few kilobytes
may stand for gigabytes of pixels. Both are decided here, before anything is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from cnnkit.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # `cnnkit predict --help` names them
LARGEST_PICTURE = 50_000_000  # pixels; phones take 12 to 50 million


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
        with warnings.catch_warnings():
            # Pillow warns about unusual metadata and about pictures that are large but allowed.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                if picture.width * picture.height > LARGEST_PICTURE:
                    raise _too_large(path, f"{picture.width}x{picture.height}")
                yield picture
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(path, "too many") from error
    except UnidentifiedImageError as error:
        raise InputError(
            path, "is not a picture", f"save it as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        ) from error
    except Exception as error:  # damaged files make Pillow's readers raise any exception
        raise InputError(
            path, f"is a damaged picture ({error})", "save it again, as PNG or JPEG"
        ) from error


def _too_large(path: Path | str, count: str) -> InputError:
    return InputError(path, f"has {count} pixels, more than {LARGEST_PICTURE:,}", "make it smaller")
