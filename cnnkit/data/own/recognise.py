"""What kind of data a folder or file holds, by looking: `recognise(Path("signs"))`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cnnkit.data.own.arrays import find_cifar, find_npz
from cnnkit.data.own.class_folders import find_class_folders
from cnnkit.data.own.listing import Listing, Names
from cnnkit.data.own.table import find_table

# Each returns None for other kinds of data; the first that does not is right.
LAYOUTS: tuple[Callable[[Path, Names], Listing | None], ...] = (
    find_npz,
    find_table,
    find_cifar,
    find_class_folders,
)


def recognise(root: Path, manifest: Path | None = None, classes: Names = None) -> Listing | None:
    """Return the labelled pictures in a folder or file; None if it is nothing known.

    Args:
        root: the folder or file.
        manifest: a table with labels; None looks for one.
        classes: the class names that the data must have; None takes those found.

    Raises:
        InputError: it is something known, but damaged or inconsistent.
        StorageError: it cannot be read.
    """
    if manifest is not None:
        return find_table(root, classes, manifest)
    return next((found for layout in LAYOUTS if (found := layout(root, classes)) is not None), None)
