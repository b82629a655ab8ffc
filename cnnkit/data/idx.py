"""IDX, the file format of MNIST, read strictly: `read_idx(Path("train-images-idx3-ubyte.gz"))`.

Two zero bytes, one byte for the type (8: unsigned byte), one for the rank, the sizes as big-endian
32-bit integers, then the values in C order (http://yann.lecun.com/exdb/mnist/, "IDX file format").
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes, write_bytes

UINT8 = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
GZIP_MAGIC = b"\x1f\x8b"
LONGEST_HEADER = 4 + 4 * 32
LARGEST_UNPACKED = 2**30  # bytes; the largest published data set of its kind has half as many
OTHER_UNPACKED = 2**16  # of a gzip file that holds no IDX file
REMEDY = "download or copy the file again"


def decompress(content: bytes, subject: object) -> bytes:
    """Return the IDX file in a gzip file; content that is not gzip is returned unchanged.

    At most a byte more than its header says is unpacked: a small gzip file may hold gigabytes.

    Raises:
        InputError: the gzip stream is truncated, damaged or too large; `subject` names it.
    """
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            size = _size(stream.read(LONGEST_HEADER))
            if size > LARGEST_UNPACKED:
                raise InputError(
                    subject,
                    f"unpacks to {size:,} bytes, more than {LARGEST_UNPACKED:,}",
                    "unpack it with gunzip",
                )
            stream.seek(0)
            return stream.read(size + 1)
    except EOFError as error:
        raise InputError(subject, "is a truncated gzip file", REMEDY) from error
    except (OSError, zlib.error, struct.error) as error:
        raise InputError(subject, f"is a damaged gzip file ({error})", REMEDY) from error


def _size(start: bytes) -> int:
    """Return the size of an IDX file by its start; enough for a message if it is another file."""
    zeros, kind, rank = struct.unpack(">HBB", start[:4].ljust(4, b"\1"))
    header = 4 + 4 * rank
    if zeros or kind != UINT8 or not 1 <= rank <= 32 or len(start) < header:
        return OTHER_UNPACKED
    return int(header + math.prod(struct.unpack(f">{rank}I", start[4:header])))


def parse_idx(content: bytes, subject: object) -> NDArray[np.uint8]:
    """Return the array in an uncompressed IDX file: uint8, of the rank and sizes in its header.

    Raises:
        InputError: wrong magic, a type other than uint8, too short or too long; `subject` names it.
    """
    if len(content) < 4:
        raise InputError(subject, f"is not an IDX file: it has only {len(content)} bytes", REMEDY)
    zeros, kind, rank = struct.unpack(">HBB", content[:4])
    if zeros or (kind != UINT8 and kind not in OTHER_TYPES) or not 1 <= rank <= 32:
        start = f"0x{content[:4].hex()}"
        raise InputError(subject, f"is not an IDX file: it starts with {start}", REMEDY)
    if kind != UINT8:
        raise InputError(
            subject, f"holds {OTHER_TYPES[kind]} values", "convert it to unsigned bytes (uint8)"
        )
    header = 4 + 4 * rank
    if len(content) < header:
        raise InputError(subject, "ends inside its header", REMEDY)
    shape = struct.unpack(f">{rank}I", content[4:header])
    expected = header + math.prod(shape)
    if len(content) != expected:
        sizes = "x".join(map(str, shape))
        short, found = len(content) < expected, len(content)
        raise InputError(
            subject,
            f"is too {'short' if short else 'long'}: its header says {sizes}, which takes "
            f"{expected} bytes, but it has {found if short else 'more'}",
            REMEDY,
        )
    try:
        values = np.frombuffer(content, np.uint8, offset=header).reshape(shape)
    except ValueError as error:  # the other sizes of an empty array may exceed the address space
        raise InputError(subject, f"has impossible sizes {shape}", REMEDY) from error
    return values.copy()  # writable, and independent of the file's bytes


def format_idx(array: NDArray[np.uint8]) -> bytes:
    """Return `array` (uint8, rank 1 to 32) as the bytes of an uncompressed IDX file.

    Raises:
        InputError: another dtype or rank, or a size that does not fit in 32 bits.
    """
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 32 or max(array.shape) >= 2**32:
        raise InputError(
            "array", f"is {array.dtype}{list(array.shape)}", "pass uint8 values of rank 1 to 32"
        )
    header = struct.pack(f">HBB{array.ndim}I", 0, UINT8, array.ndim, *array.shape)
    return header + array.tobytes()


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or gzip (detected by content).

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not exactly one complete IDX file of uint8.
    """
    return parse_idx(decompress(read_bytes(path), path), path)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write `array` (uint8) as an IDX file, atomically; compressed if the name ends in .gz.

    Raises:
        InputError: the array is not uint8 of rank 1 to 32.
        StorageError: the file cannot be written.
    """
    content = format_idx(array)
    # mtime=0 keeps the time out of the gzip header: the same array gives the same bytes.
    write_bytes(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
