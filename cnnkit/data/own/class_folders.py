"""Class folders: `signs/yes/1.jpg`, or `signs/train/yes/1.jpg` beside `signs/test/…`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cnnkit.data.own.listing import (
    SPLITS,
    TEST,
    TRAIN,
    Listing,
    Names,
    counted,
    number_classes,
)
from cnnkit.errors import InputError, StorageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".webp", ".gif", ".bmp", ".tif", ".tiff")
# Pictures as well, which are reported as unreadable rather than overlooked.
UNREADABLE = (".heic", ".heif", ".avif", ".svg", ".jxl", ".dng", ".cr2", ".nef", ".psd")
EXAMPLE = "give each class a folder of its own: DIR/cat/1.jpg, DIR/dog/2.jpg"


def find_class_folders(root: Path, known: Names = None) -> Listing | None:
    """Return the pictures below class folders; None if `root` is no folder with pictures.

    Args:
        root: the folder.
        known: the class names that the folders must have; None takes the folders'.

    Raises:
        InputError: there are pictures, but not in class folders, or a split lacks a class.
        StorageError: a folder cannot be listed.
    """
    if not root.is_dir():
        return None
    found, ignored = pictures_below(root)
    if not found:
        return None
    outer = _wrapper(found)
    parts = [path.removeprefix(outer).split("/") for path in found]
    splits = [_split(part[0]) for part in parts]
    has_splits = TRAIN in splits and {TEST, "validation"} & set(splits)
    depth = 1 if has_splits else 0
    if loose := [path for path, part in zip(found, parts, strict=True) if len(part) < depth + 2]:
        raise InputError(
            root,
            f"has {counted(len(loose), 'picture', ('', ''))} outside any class folder",
            f"{EXAMPLE}; or list file_name,label in metadata.csv",
            loose,
        )
    if has_splits and (
        other := sorted({p[0] for p, s in zip(parts, splits, strict=True) if not s})
    ):
        raise InputError(
            root,
            f"has {', '.join(other[:5])} beside the folders of its splits",
            "move them away, or into train, val and test",
        )
    classes = [part[depth] for part in parts]
    names, numbers = number_classes(root, classes, known)
    notes = [_ignored(ignored)] if ignored else []
    if empty := sorted(_empty(root, outer, parts, depth) - set(names)):
        some = ", ".join(map(repr, empty[:5])) + (", …" if len(empty) > 5 else "")
        holds = counted(len(empty), "folder", ("has no pictures", "have no pictures"))
        notes.append(f"{holds} and so no class: {some}")
    return Listing(
        "class folders" + (" with splits" if has_splits else ""),
        root,
        names,
        np.array([numbers[name] for name in classes], np.int64),
        splits if has_splits else [""] * len(found),
        found,
        notes=tuple(notes),
    )


def _empty(root: Path, outer: str, parts: list[list[str]], depth: int) -> set[str]:
    """Return the names of folders that stand beside those of classes, but hold no picture."""
    classes = {tuple(part[: depth + 1]) for part in parts}
    found = set()
    for above in {path[:depth] for path in classes}:
        for entry in os.scandir(root.joinpath(outer, *above)):
            hidden = entry.name.startswith(".") or entry.name == "__MACOSX"
            if not hidden and (*above, entry.name) not in classes and _is_folder(entry):
                found.add(entry.name)
    return found


def _split(name: str) -> str:
    return SPLITS.get(name.lower(), "")


def _wrapper(found: list[str]) -> str:
    """Return the path of the folders that hold all the rest, as archives have them: "signs/"."""
    outer = ""
    while True:
        tops = {path.removeprefix(outer).split("/", 1)[0] for path in found}
        top = next(iter(tops))
        deep = all(path.removeprefix(outer).count("/") >= 2 for path in found)
        if len(tops) > 1 or not deep or _split(top):
            return outer
        outer += f"{top}/"


def _ignored(ignored: Counter[str]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in ignored.most_common(4))
    return f"{sum(ignored.values()):,} files that are not pictures are left out ({kinds})"


def pictures_below(root: Path) -> tuple[list[str], Counter[str]]:
    """Return all pictures below a folder as relative paths, sorted, and other files by suffix."""
    found, ignored = [], Counter[str]()
    for path in walk(root):
        suffix = os.path.splitext(path)[1].lower()
        if suffix in SUFFIXES or suffix in UNREADABLE:
            found.append(path)
        elif "/" in path:  # files in the folder itself may be anything: a licence, classes.txt
            ignored[suffix or "without suffix"] += 1
    return sorted(found), ignored


def walk(root: Path) -> Iterator[str]:
    """Yield the relative paths of all files below a folder, with slashes.

    Hidden ones are left out. Symbolic links are followed, but no folder is visited inside itself.

    Raises:
        StorageError: a folder cannot be listed.
    """
    todo: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
    while todo:
        inner, above = todo.pop()
        folder = root / inner
        try:
            status = folder.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                continue  # a link to a folder around it
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name == "__MACOSX":
                        continue
                    if _is_folder(entry):
                        todo.append((f"{inner}{entry.name}/", above | {identity}))
                    else:
                        yield inner + entry.name
        except OSError as error:
            raise StorageError(
                folder, f"cannot be listed ({error.strerror or error})", "check its permissions"
            ) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, for example: whoever reads it says so
        return False
