"""Pictures that are arrays already: `.npz` files, and CIFAR's binary files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.classes import CLASSES_FILE, read_names
from cnnkit.data.own.listing import MOST_CLASSES, TEST, TRAIN, VALIDATION, Listing, Names
from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

LARGEST = 2**33  # bytes of all arrays together
# More than this only of a file that is not that many times smaller: pictures do not pack so well.
DENSE, RATIO = 2**28, 100
# Names of images and labels, by split; the first are Keras's, the second MedMNIST's.
NPZ_NAMES = {
    TRAIN: (("x_train", "y_train"), ("train_images", "train_labels"), ("x", "y")),
    VALIDATION: (("x_val", "y_val"), ("val_images", "val_labels")),
    TEST: (("x_test", "y_test"), ("test_images", "test_labels")),
}
NPZ_FORM = "save it with np.savez(file, x_train=…, y_train=…, x_test=…, y_test=…)"
CIFAR_SIDE, CIFAR_PIXELS = 32, 3 * 32 * 32


def find_npz(path: Path, classes: Names = None) -> Listing | None:
    """Return the pictures of an .npz file; None if it is another file.

    Raises:
        InputError: it is damaged or too large, or its arrays are no uint8 images with labels.
        StorageError: it cannot be read.
    """
    if path.suffix.lower() != ".npz" or path.is_dir():
        return None
    arrays = _read_npz(path)
    parts = []
    for split, choices in NPZ_NAMES.items():
        for images, labels in choices:
            if images in arrays and labels in arrays:
                shown = arrays[images], _labels(path, labels, arrays[labels])
                parts.append((split, images, _images(path, images, shown[0]), shown[1]))
                break
    if not parts:
        found = ", ".join(arrays) or "none"
        raise InputError(
            path, f"has no images and labels under known names; it has {found}", NPZ_FORM
        )
    names = [str(name) for name in arrays.get("names", arrays.get("classes", np.array([])))]
    return _join("NumPy arrays", path, parts, list(classes or names))


def _read_npz(path: Path) -> dict[str, NDArray[np.generic]]:
    read_bytes(path, 1)  # for its error messages
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
            packed = sum(info.compress_size for info in archive.infolist())
        if size > LARGEST:
            raise InputError(path, f"unpacks to {size:,} bytes, more than {LARGEST:,}", "split it")
        if size > max(DENSE, RATIO * packed):
            raise InputError(
                path,
                f"unpacks to {size:,} bytes, more than {RATIO} times what they take in it",
                "if you trust the file, save it again with np.savez, which does not pack arrays",
            )
        with np.load(path, allow_pickle=False) as stored:
            return {name: _load(path, stored, name) for name in stored.files}
    except InputError:
        raise
    except Exception as error:  # damaged files make NumPy's reader raise any exception
        raise InputError(path, f"is a damaged .npz file ({error})", "save it again") from error


def _load(path: Path, stored: Mapping[str, NDArray[np.generic]], name: str) -> NDArray[np.generic]:
    try:
        return stored[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise InputError(
            path,
            f"has {name} as Python objects (dtype=object), which are never unpacked",
            "store images as one uint8 array (np.stack), and labels as whole numbers",
        ) from error


def _images(path: Path, name: str, array: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return images as [N, H, W] or [N, H, W, C]."""
    if array.dtype != np.uint8:
        within = array.dtype.kind in "iuf" and array.size and array.min() >= 0
        convert = f"({name} * 255).round().astype('uint8') if they are from 0 to 1"
        if within and 1 < array.max() <= 255:
            convert = f"{name}.round().astype('uint8')"
        raise InputError(
            path, f"has {name} as {array.dtype}", f"store raw pixels from 0 to 255: {convert}"
        )
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if (
        array.ndim not in (3, 4)
        or (array.ndim == 4 and array.shape[3] not in (1, 3))
        or not array.size
    ):
        raise InputError(
            path,
            f"has {name} of shape {list(array.shape)}",
            "store [N, H, W] for gray images, or [N, H, W, 3] for colour",
        )
    return array  # type: ignore[return-value]  # its dtype was compared


def _labels(path: Path, name: str, array: NDArray[np.generic]) -> NDArray[np.int64]:
    values = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
    if values.ndim != 1 or values.dtype.kind not in "iu" or not values.size or values.min() < 0:
        remedy = "store whole numbers [N] from 0"
        if values.ndim == 1 and values.dtype.kind in "US":
            remedy += f": names, {name} = np.unique({name}, return_inverse=True), and names as well"
        elif values.ndim == 2:
            remedy += f": {name}.argmax(axis=1) if there is a column for each class"
        raise InputError(path, f"has {name} as {array.dtype}{list(array.shape)}", remedy)
    if values.max() >= MOST_CLASSES:
        raise InputError(
            path,
            f"has labels up to {values.max()}",
            f"number classes from 0, below {MOST_CLASSES:,}",
        )
    return values.astype(np.int64)


def find_cifar(root: Path, classes: Names = None) -> Listing | None:
    """Return the pictures of CIFAR's binary version; None if `root` has no such files.

    Raises:
        InputError: it is the version for Python, whose files are pickles, or damaged.
    """
    if not root.is_dir():
        return None
    ten = sorted(path for path in root.glob("data_batch_*.bin"))
    hundred = root / "train.bin"
    if ten:
        pairs = [(TRAIN, path) for path in ten] + [(TEST, root / "test_batch.bin")]
        skipped, titles = 0, root / "batches.meta.txt"
    elif hundred.exists():
        pairs = [(TRAIN, hundred), (TEST, root / "test.bin")]
        skipped, titles = 1, root / "fine_label_names.txt"
    elif (root / "data_batch_1").exists() or (root / "batches.meta").exists():
        raise InputError(
            root,
            "is CIFAR's version for Python, whose files are pickles",
            "unpack the binary version (cifar-10-binary.tar.gz)",
        )
    else:
        return None
    parts = []
    for split, path in pairs:
        rows = np.frombuffer(read_bytes(path), np.uint8)
        width = skipped + 1 + CIFAR_PIXELS
        if not rows.size or rows.size % width:
            raise InputError(
                path, f"has {rows.size:,} bytes, not a multiple of {width:,}", "unpack it again"
            )
        table = rows.reshape(-1, width)
        planes = table[:, skipped + 1 :].reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE)
        labels = table[:, skipped].astype(np.int64)
        parts.append((split, path.name, planes.transpose(0, 2, 3, 1), labels))
    text = read_bytes(titles).decode(errors="replace") if titles.exists() else ""
    return _join("CIFAR binary files", root, parts, list(classes or text.split()))


Part = tuple[str, str, NDArray[np.uint8], NDArray[np.int64]]  # split, name, images, labels


def _join(layout: str, path: Path, parts: list[Part], names: list[str]) -> Listing:
    for _, name, images, labels in parts:
        if len(images) != len(labels):
            raise InputError(
                path, f"has {len(labels)} labels for the {len(images)} images of {name}", NPZ_FORM
            )
    if len({images.shape[1:] for _, _, images, _ in parts}) > 1:
        sizes = ", ".join(f"{name} {list(images.shape[1:])}" for _, name, images, _ in parts)
        raise InputError(path, f"has images of different shapes ({sizes})", "use one shape for all")
    labels = np.concatenate([part[3] for part in parts])
    listed = (path if path.is_dir() else path.parent) / CLASSES_FILE
    names = read_names(listed) if listed.exists() else names
    names = names or [str(number) for number in range(int(labels.max()) + 1)]
    if labels.max() >= len(names):
        raise InputError(
            path,
            f"has labels up to {labels.max()}, but {len(names):,} classes",
            f"name every class in {CLASSES_FILE}, or correct the labels",
        )
    return Listing(
        layout,
        path,
        tuple(names),
        labels,
        [split for split, _, images, _ in parts for _ in range(len(images))],
        [f"{name}[{i}]" for _, name, images, _ in parts for i in range(len(images))],
        pixels=np.concatenate([part[2] for part in parts]),
    )
