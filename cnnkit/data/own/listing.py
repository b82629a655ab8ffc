"""What a data folder holds before anything is decoded: `Listing`, which every layout returns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.classes import CLASSES_FILE, read_names
from cnnkit.errors import InputError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
# How others call the splits.
SPLITS = {
    "train": TRAIN, "training": TRAIN,
    "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "dev": VALIDATION,
    "test": TEST, "testing": TEST,
    "train_set": TRAIN, "training_set": TRAIN, "trainset": TRAIN,
    "val_set": VALIDATION, "validation_set": VALIDATION, "valset": VALIDATION,
    "test_set": TEST, "testing_set": TEST, "testset": TEST,
}  # fmt: skip
MOST_CLASSES = 10_000
Names = tuple[str, ...] | None


@dataclass(frozen=True)
class Listing:
    """Labelled pictures.

    Attributes:
        layout: what kind of data it is, in words.
        root: the folder or file.
        names: the K class names.
        labels: int64 [N].
        splits: of each picture: TRAIN, VALIDATION, TEST, or empty where nothing says.
        paths: of each picture, relative to `root`, with slashes; of arrays, their name and index.
        pixels: uint8 [N, H, W] or [N, H, W, C] where the pictures are arrays; None for files.
        groups: of each picture, where given: pictures of a group stay on one side of a split.
        notes: what a person should know of what was found.
    """

    layout: str
    root: Path
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    splits: Sequence[str]
    paths: Sequence[str]
    pixels: NDArray[np.uint8] | None = None
    groups: Sequence[str] | None = None
    notes: tuple[str, ...] = field(default=())


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key in which class 10 comes after class 9."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple(
        (0, int(part), "") if part.isascii() and part.isdecimal() else (1, 0, part)
        for part in parts
    )


def number_classes(
    root: Path, found: Iterable[str], classes: Names = None, folder: Path | None = None
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the class names in their order, and each one's number.

    The order is that of classes.txt in the folder, or else natural: 2 before 10.

    Args:
        root: the data, for messages.
        found: class names, as often as they were found.
        classes: the names of a model's classes, in their order; None takes those found.
        folder: where classes.txt may be; None is `root`.

    Raises:
        InputError: there is one class, or too many, or classes.txt lacks one.
    """
    names = sorted(set(found), key=lambda name: (natural(name), name))
    path = (folder or root) / CLASSES_FILE
    if classes is not None:
        if unknown := [name for name in names if name not in classes]:
            raise InputError(
                root,
                f"has classes that the model does not know: {', '.join(unknown[:5])}; it knows "
                f"{', '.join(classes[:5])}{', …' if len(classes) > 5 else ''}",
                "choose the data that the model was trained for",
            )
        names = list(classes)
    elif path.exists():
        stated = read_names(path)
        if unknown := [name for name in names if name not in stated]:
            raise InputError(
                path,
                f"lacks {len(unknown)} of the classes found: {', '.join(unknown[:5])}",
                "add a line for each, or remove the file: the order is then that of the names",
            )
        names = stated
    if strange := [name for name in names if not name.isprintable()]:
        raise InputError(
            root,
            f"has {counted(len(strange), 'class name', ('', ''))} with control characters or "
            "bytes that are not UTF-8",
            "rename these classes",
            strange,
        )
    if len(names) < 2:
        raise InputError(
            root,
            f"has only one class, {names[0]}" if names else "has no classes",
            "a network needs at least two: add a folder or a label for the other pictures",
        )
    if len(names) > MOST_CLASSES:
        raise InputError(
            root,
            f"has {len(names):,} classes, more than {MOST_CLASSES:,}",
            "check that folders or labels are classes, not single pictures",
        )
    return tuple(names), {name: number for number, name in enumerate(names)}


def counted(number: int, noun: str, verbs: tuple[str, str] = ("is", "are")) -> str:
    """Return "1 picture is" or "2 pictures are"."""
    plural = f"{noun}es" if noun[-1] == "s" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural} {verbs[number != 1]}".rstrip()
