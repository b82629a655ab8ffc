"""How each of these data sets is read from its published files: `READERS["svhn"](named, paths)`."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.data.idx import decompress, parse_idx
from cnnkit.data.named.matlab import read_mat
from cnnkit.data.named.table import Named
from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

REMEDY = "download the file again"
SIDE, PLANES = 32, 3
INT_LABELS = b"\x00\x00\x0c\x02"  # IDX of int32, of rank 2
COLUMNS = 8  # of QMNIST's labels; the first is the class
LARGEST_MEMBER = 2**30  # bytes

Images = NDArray[np.uint8]
Paths = Mapping[str, Path]  # files by name
Reader = Callable[[Named, Paths], tuple[Split, Split]]


def idx(named: Named, paths: Paths) -> tuple[Split, Split]:
    """Read four gzip files of MNIST's format."""
    listed = [paths[file.name] for file in named.files]
    arrays = [parse_idx(decompress(read_bytes(path), path), path) for path in listed]
    return split(listed[0], *arrays[:2]), split(listed[2], *arrays[2:])


def qmnist(named: Named, paths: Paths) -> tuple[Split, Split]:
    """Read QMNIST, whose labels are rows of int32."""
    parts = []
    for images, labels in (named.files[:2], named.files[2:]):
        place, other = paths[images.name], paths[labels.name]
        pixels = parse_idx(decompress(read_bytes(place), place), place)
        content = _unpacked(read_bytes(other), other)
        count = int.from_bytes(content[4:8], "big")
        expected = INT_LABELS + count.to_bytes(4, "big") + COLUMNS.to_bytes(4, "big")
        if content[:12] != expected or len(content) != 12 + 4 * COLUMNS * count:
            raise InputError(other, "does not hold QMNIST's labels", REMEDY)
        rows = np.frombuffer(content, ">i4", offset=12).reshape(-1, COLUMNS)
        parts.append(split(place, pixels, rows[:, 0]))
    return parts[0], parts[1]


def emnist(named: Named, paths: Paths) -> tuple[Split, Split]:
    """Read one of the data sets in EMNIST's archive, whose images are stored column by column."""
    (path,) = paths.values()
    parts = []
    for side in ("train", "test"):
        arrays = []
        for what in ("images-idx3", "labels-idx1"):
            name = f"emnist-{named.part}-{side}-{what}-ubyte.gz"
            arrays.append(parse_idx(decompress(_member(path, name), name), f"{path}: {name}"))
        images, labels = arrays
        if named.part == "letters":  # which are numbered from 1
            labels = labels - np.uint8(1)
        parts.append(split(path, np.ascontiguousarray(images.swapaxes(-1, -2)), labels))
    return parts[0], parts[1]


def cifar10(named: Named, paths: Paths) -> tuple[Split, Split]:
    """Read CIFAR's binary version."""
    (path,) = paths.values()
    wanted = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    rows: dict[str, NDArray[np.uint8]] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                if name in wanted and member.isfile() and member.size <= LARGEST_MEMBER:
                    stream = archive.extractfile(member)
                    rows[name] = np.frombuffer(stream.read() if stream else b"", np.uint8)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputError(path, f"is a damaged archive ({error})", REMEDY) from error
    width = 1 + PLANES * SIDE * SIDE
    for name in wanted:
        if name not in rows or not rows[name].size or rows[name].size % width:
            raise InputError(path, f"has no whole {name}", REMEDY)
    train = np.concatenate([rows[name] for name in wanted[:-1]]).reshape(-1, width)
    test = rows[wanted[-1]].reshape(-1, width)
    parts = [split(path, t[:, 1:].reshape(-1, PLANES, SIDE, SIDE), t[:, 0]) for t in (train, test)]
    return parts[0], parts[1]


def svhn(named: Named, paths: Paths) -> tuple[Split, Split]:
    """Read SVHN's cropped digits, in which the class 10 is the digit 0."""
    parts = []
    for file in named.files:
        path = paths[file.name]
        arrays = read_mat(read_bytes(path), path)
        x, y = arrays.get("X"), arrays.get("y")
        if x is None or y is None or x.dtype != np.uint8 or x.shape[:-1] != (SIDE, SIDE, PLANES):
            raise InputError(path, "does not hold SVHN's images X and labels y", REMEDY)
        images = np.ascontiguousarray(x.transpose(3, 2, 0, 1))
        parts.append(split(path, images, y.ravel() % 10))
    return parts[0], parts[1]


def split(path: Path, images: Images, labels: NDArray[np.generic]) -> Split:
    """Return images [N, H, W] or [N, C, H, W] and labels [N] as a Split."""
    if not len(images) or len(images) != len(labels):
        raise InputError(path, f"has {len(labels)} labels for {len(images)} images", REMEDY)
    pixels = images[:, None] if images.ndim == 3 else images
    return Split(pixels, labels.astype(np.int64))


def _unpacked(content: bytes, path: Path) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(path, f"is a damaged gzip file ({error})", REMEDY) from error


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            info = next(each for each in archive.infolist() if each.filename.endswith(name))
            if info.file_size > LARGEST_MEMBER:
                raise InputError(path, f"has {name} of {info.file_size:,} bytes", REMEDY)
            return archive.read(info)
    except StopIteration:
        raise InputError(path, f"has no {name}", REMEDY) from None
    except (zipfile.BadZipFile, OSError, zlib.error) as error:
        raise InputError(path, f"is a damaged archive ({error})", REMEDY) from error


READERS: dict[str, Reader] = {
    "idx": idx,
    "qmnist": qmnist,
    "emnist": emnist,
    "cifar10": cifar10,
    "svhn": svhn,
}
