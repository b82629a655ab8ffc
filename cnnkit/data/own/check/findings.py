"""What is wrong with pictures, or worth knowing: `find_all(pictures)`."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.own.check.alike import (
    ACROSS,
    CONTRADICTORY,
    NEAR,
    NEAR_ACROSS,
    NEAR_LABELS,
    TWICE,
)
from cnnkit.data.own.check.collection import Collection
from cnnkit.data.own.check.finding import Finding
from cnnkit.data.own.check.similar import Similar, compare
from cnnkit.data.own.listing import TEST, TRAIN, VALIDATION, counted

FEW = 20  # pictures of a class, below which little is learned
UNEQUAL = 10  # times as many pictures of one class as of another
LARGER, LONGER = 16, 2  # times the area of another; times longer than most


def find_all(pictures: Collection) -> list[Finding]:
    """Return all findings, those that spoil a training first."""
    similar = compare(pictures)
    found = [finding for check in CHECKS if (finding := check(pictures, similar)) is not None]
    return sorted(found, key=lambda finding: not finding.spoils)


def _unreadable(pictures: Collection, similar: Similar) -> Finding | None:
    bad = [index for index, fact in enumerate(pictures.facts) if fact.problem]
    lines = [f"{pictures.listing.paths[index]} {pictures.facts[index].problem}" for index in bad]
    if not bad:
        return None
    return Finding(
        "unreadable",
        counted(len(bad), "picture", ("cannot be used", "cannot be used")),
        True,
        "convert them to PNG or JPEG, or remove them; `cnnkit train --bad skip` leaves them out",
        [[index] for index in bad],
        lines,
    )


def _missing(pictures: Collection, similar: Similar) -> Finding | None:
    lines = []
    for side, labels in class_counts(pictures).items():
        least = 1 if side else 2
        what = f"no {side} picture" if side else "fewer than two pictures"
        lines += [
            f"{pictures.listing.names[k]} has {what}"
            for k in np.flatnonzero(labels < least).tolist()
        ]
    if not lines:
        return None
    return Finding(
        "missing_classes",
        counted(len(lines), "class", ("lacks pictures", "lack pictures")),
        True,
        "give each class at least two pictures that differ, and one in each split; or remove it",
        [],
        lines,
    )


def _unequal(pictures: Collection, similar: Similar) -> Finding | None:
    counts = sum(class_counts(pictures).values(), np.zeros(len(pictures.listing.names), np.int64))
    if not counts.max():
        return None
    rare = np.flatnonzero((counts < FEW) | (counts * UNEQUAL <= counts.max())).tolist()
    rare.sort(key=lambda k: int(counts[k]))
    lines = [
        f"{pictures.listing.names[k]} has {counted(int(counts[k]), 'picture', ('', ''))}"
        for k in rare
    ]
    if not rare:
        return None
    title = counted(len(rare), "class", ("has few pictures", "have few pictures"))
    most = (
        f"{title}; the commonest, {pictures.listing.names[counts.argmax()]}, has {counts.max():,}"
    )
    return Finding("rare_classes", most, False, "add pictures of the rarest classes", [], lines)


def _listed(
    pictures: Collection, chosen: list[int], kind: str, title: str, remedy: str,
    about: Callable[[int], str] = lambda index: "",
) -> Finding | None:  # fmt: skip
    if not chosen:
        return None
    lines = [f"{pictures.listing.paths[index]}{about(index)}" for index in chosen]
    return Finding(kind, title, False, remedy, [[index] for index in chosen], lines)


def _turned(pictures: Collection, similar: Similar) -> Finding | None:
    chosen = [i for i, fact in enumerate(pictures.facts) if fact.turned and not fact.problem]
    title = f"{counted(len(chosen), 'picture')} turned upright, as the camera noted (EXIF)"
    remedy = "see on the page that they are upright; otherwise remove their EXIF orientation"
    return _listed(pictures, chosen, "turned", title, remedy)


def _blank(pictures: Collection, similar: Similar) -> Finding | None:
    chosen = np.flatnonzero(similar.blank).tolist()
    title = f"{counted(len(chosen), 'picture', ('has', 'have'))} one colour only"
    return _listed(
        pictures, chosen, "blank", title, "remove such pictures, unless blank is a class"
    )


def _gray(pictures: Collection, similar: Similar) -> Finding | None:
    usable = np.array([not fact.problem for fact in pictures.facts]) & ~similar.blank
    gray, colour = usable & similar.gray, usable & ~similar.gray
    if pictures.size[0] == 1 or not gray.any() or not colour.any():
        return None
    chosen = np.flatnonzero(gray if gray.sum() <= colour.sum() else colour).tolist()
    words = ("gray", "coloured") if gray.sum() <= colour.sum() else ("coloured", "gray")
    title = f"{counted(len(chosen), 'picture')} {words[0]} among {words[1]} ones"
    remedy = "train with `--color gray` if colour does not matter"
    return _listed(pictures, chosen, "colours", title, remedy)


def _sizes(pictures: Collection, similar: Similar) -> Finding | None:
    known = [i for i, fact in enumerate(pictures.facts) if fact.width and not fact.problem]
    if not known:
        return None
    sides = np.array([(pictures.facts[i].width, pictures.facts[i].height) for i in known], float)
    areas, ratios = sides.prod(axis=1), sides[:, 0] / sides[:, 1]
    odd = (areas * LARGER <= np.median(areas)) | (areas >= np.median(areas) * LARGER)
    usual = np.median(ratios)
    odd |= (ratios >= usual * LONGER) | (ratios * LONGER <= usual)
    chosen = [known[k] for k in np.flatnonzero(odd).tolist()]
    title = (
        f"{counted(len(chosen), 'picture', ('has', 'have'))} a very different size or proportion"
    )

    def about(index: int) -> str:
        return f" is {pictures.facts[index].width}x{pictures.facts[index].height}"

    remedy = "see on the page what the network gets; `--fit` has other ways to fit them"
    return _listed(pictures, chosen, "sizes", title, remedy, about)


def _dim(pictures: Collection, similar: Similar) -> Finding | None:
    if max(int(rows.max(initial=0)) for _, rows in pictures.chunks()) != 1:
        return None
    remedy = "multiply them by 255 if 1 is white: pixels are from 0 to 255"
    return Finding("dim", "all pixels are 0 or 1", False, remedy, [], [])


def _twins(pictures: Collection, similar: Similar) -> Finding | None:
    alike: dict[str, list[str]] = {}
    for name in pictures.listing.names:
        alike.setdefault(unicodedata.normalize("NFKC", name).casefold().strip(), []).append(name)
    lines = [" = ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    if not lines:
        return None
    title = counted(len(lines), "class", ("has two spellings", "have several spellings"))
    return Finding("spellings", title, False, "rename them alike, if they are one", [], lines)


def _layers(pictures: Collection, similar: Similar) -> Finding | None:
    """Find folds or splits of other names that were taken for classes."""
    listing = pictures.listing
    inside: dict[str, set[str]] = {name: set() for name in listing.names}
    for label, path in zip(listing.labels, listing.paths, strict=True):
        _, found, below = path.rpartition(f"{listing.names[label]}/")
        inside[listing.names[label]].add(below.split("/")[0] if found and "/" in below else "")
    folders = next(iter(inside.values()))
    if len(folders) < 2 or "" in folders or any(other != folders for other in inside.values()):
        return None
    some = ", ".join(sorted(folders)[:5])
    title = f"the folders of all {len(inside)} classes have the same folders inside: {some}"
    remedy = "if those are the classes, put them at the top, or below train, val and test"
    return Finding("layers", title, False, remedy, [], [])


def _ignored(pictures: Collection, similar: Similar) -> Finding | None:
    notes = list(pictures.listing.notes)
    if not notes:
        return None
    remedy = "convert pictures among them, or remove what is not needed"
    return Finding("ignored", notes[0], False, remedy, [], notes[1:])


def class_counts(pictures: Collection) -> dict[str, NDArray[np.int64]]:
    """Return the number of usable pictures of each class, by split; "" where there are none."""
    listing = pictures.listing
    usable = np.array([not fact.problem for fact in pictures.facts])
    splits = np.array(listing.splits, f"<U{len(VALIDATION)}")
    stated = Counter(listing.splits)
    names = [name for name in (TRAIN, VALIDATION, TEST) if stated[name]]
    if not names or (TEST not in names and len(names) < 2):
        names, splits = [""], np.full(len(splits), "", splits.dtype)
    elif stated[""]:
        splits[splits == ""] = TRAIN
    return {
        name: np.bincount(listing.labels[usable & (splits == name)], minlength=len(listing.names))
        for name in names
    }


CHECKS: tuple[Callable[[Collection, Similar], Finding | None], ...] = (
    _unreadable, CONTRADICTORY, ACROSS, _missing, NEAR_ACROSS, NEAR_LABELS, TWICE, NEAR,
    _layers, _twins, _unequal, _dim, _blank, _turned, _gray, _sizes, _ignored,
)  # fmt: skip
