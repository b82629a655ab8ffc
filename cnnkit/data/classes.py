"""Class names of a user's own data: `class_names(folder, count)`.

They are read from the folder's classes.txt: UTF-8, one name per line, in the order of the labels.
Without that file, the names are the labels' numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

CLASSES_FILE = "classes.txt"
STRAY = 100  # fewer than one image in so many: a mistake, if the label is far above all others
REMEDY = "write one name per line, in the order of the labels from 0"


def class_names(folder: Path, count: int) -> tuple[str, ...]:
    """Return the names of `count` classes.

    Raises:
        InputError: classes.txt is not UTF-8, or does not give each class a unique name.
        StorageError: it cannot be read.
    """
    path = folder / CLASSES_FILE
    if not path.exists():
        return tuple(map(str, range(count)))
    names = read_names(path)
    if len(names) != count:
        raise InputError(
            path,
            f"has {len(names)} names, but the labels go up to {count - 1}: {count} classes",
            REMEDY,
        )
    return tuple(names)


def missing_classes(folder: Path, labels: NDArray[np.int64]) -> str | None:
    """Return a note on classes below the highest label that no image has; None if there are none.

    Args:
        folder: where the labels are from; its classes.txt says that all classes are meant.
        labels: int64 [N], of training and test images together.

    Raises:
        InputError: a few labels lie so far above all others that they must be mistakes.
    """
    counts = np.bincount(labels)
    missing = np.flatnonzero(counts == 0)
    if not len(missing) or (folder / CLASSES_FILE).exists():
        return None
    used = np.flatnonzero(counts)
    widest = int(np.diff(used, prepend=-1).argmax())  # the gap before used[widest]
    above = int(counts[used[widest] :].sum())
    if used[widest] >= 2 * widest and widest and above * STRAY < len(labels):
        raise InputError(
            folder,
            f"has labels up to {used[widest - 1]}, and far above them "
            f"{', '.join(map(str, used[widest:]))} on {above} of {len(labels):,} images",
            f"correct those labels, or name all {used[-1] + 1} classes in {CLASSES_FILE}",
        )
    return (
        f"{folder}: no image has {len(missing)} of the labels from 0 to {used[-1]} (the first is "
        f"{missing[0]}); a network gets an output for each"
    )


def read_names(path: Path) -> list[str]:
    """Return the names in a classes.txt.

    Raises:
        InputError: it is not UTF-8, or a line is empty, unprintable or twice there.
        StorageError: it cannot be read.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")  # some editors write a byte-order mark
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not UTF-8 text ({error.reason})", "save it as UTF-8") from error
    names = [line.strip() for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n")]
    lines: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if not name:
            raise InputError(path, f"has no name in line {number}", REMEDY)
        if not name.isprintable():
            raise InputError(path, f"has control characters in line {number}", REMEDY)
        if name in lines:
            raise InputError(
                path, f"has the name {name} in lines {lines[name]} and {number}", REMEDY
            )
        lines[name] = number
    return names
