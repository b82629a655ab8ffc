"""What is wrong with pictures, or worth knowing: `find_all(pictures)`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.own.check.collection import Collection
from cnnkit.data.own.check.similar import Similar, compare
from cnnkit.data.own.listing import TEST, TRAIN, VALIDATION

FEW = 20  # pictures of a class, below which little is learned
UNEQUAL = 10  # times as many pictures of one class as of another
LARGER, LONGER = 16, 2  # times the area of another; times longer than most


@dataclass(frozen=True)
class Finding:
    """One kind of finding.

    Attributes:
        kind: its name in JSON.
        title: what was found, with its number.
        spoils: whether a training would be refused, or its accuracy wrong.
        remedy: what to do.
        groups: pictures, those together that belong together.
        lines: a line of text about each group, or about what has no pictures.
    """

    kind: str
    title: str
    spoils: bool
    remedy: str
    groups: list[list[int]]
    lines: list[str]

    def to_json(self, paths: Sequence[str]) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return {
            "kind": self.kind,
            "title": self.title,
            "spoils": self.spoils,
            "remedy": self.remedy,
            "files": [[paths[index] for index in group] for group in self.groups],
            "lines": self.lines,
        }


def find_all(pictures: Collection) -> list[Finding]:
    """Return all findings, those that spoil a training first."""
    similar = compare(pictures)
    found = [finding for check in CHECKS if (finding := check(pictures, similar)) is not None]
    return sorted(found, key=lambda finding: not finding.spoils)


def counted(number: int, noun: str, verbs: tuple[str, str] = ("is", "are")) -> str:
    """Return "1 picture is" or "2 pictures are"."""
    plural = f"{noun}es" if noun[-1] == "s" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural} {verbs[number != 1]}".rstrip()


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


def _described(pictures: Collection, group: Sequence[int], between: str) -> str:
    """Return "a.jpg (train, cat) = b.jpg (test, dog)"."""
    listing = pictures.listing
    texts = []
    for index in group[:6]:
        about = [
            name for name in (listing.splits[index], listing.names[listing.labels[index]]) if name
        ]
        texts.append(f"{listing.paths[index]} ({', '.join(about)})")
    return between.join(texts) + (f" and {len(group) - 6:,} more" if len(group) > 6 else "")


def _sides(pictures: Collection, group: Sequence[int]) -> set[str]:
    return {pictures.listing.splits[index] for index in group if pictures.listing.splits[index]}


def _labels(pictures: Collection, group: Sequence[int]) -> set[int]:
    return set(pictures.listing.labels[group].tolist())


def _grouped(
    pictures: Collection, groups: list[list[int]], kind: str, text: str, spoils: bool, remedy: str
) -> Finding | None:
    if not groups:
        return None
    title = f"{counted(sum(map(len, groups)), 'picture')} {text}"
    between = " ≈ " if kind.startswith("near") else " = "
    lines = [_described(pictures, group, between) for group in groups]
    return Finding(kind, title, spoils, remedy, groups, lines)


def _contradictory(pictures: Collection, similar: Similar) -> Finding | None:
    groups = [group for group in similar.same if len(_labels(pictures, group)) > 1]
    return _grouped(
        pictures, groups, "contradictory", "the same but in different classes", True,
        "keep each in its right class only",
    )  # fmt: skip


def _across(pictures: Collection, similar: Similar) -> Finding | None:
    groups = [group for group in similar.same if len(_sides(pictures, group)) > 1]
    return _grouped(
        pictures, groups, "across_splits", "the same in different splits", True,
        "remove one of each, or else accuracy is measured on what was learned; `cnnkit train --bad "
        "skip` leaves out those for training whose files are the same",
    )  # fmt: skip


def _twice(pictures: Collection, similar: Similar) -> Finding | None:
    groups = [
        group
        for group in similar.same
        if len(_sides(pictures, group)) < 2 and len(_labels(pictures, group)) < 2
    ]
    return _grouped(
        pictures, groups, "duplicates", "there more than once", False,
        "remove all but one, unless they are meant to count more",
    )  # fmt: skip


def _near_across(pictures: Collection, similar: Similar) -> Finding | None:
    groups = [group for group in similar.near if len(_sides(pictures, group)) > 1]
    return _grouped(
        pictures, groups, "near_across_splits", "nearly the same in different splits", False,
        "look at them: pictures of one moment belong in one split",
    )  # fmt: skip


def _near_labels(pictures: Collection, similar: Similar) -> Finding | None:
    groups = [group for group in similar.near if len(_labels(pictures, group)) > 1]
    return _grouped(
        pictures, groups, "near_contradictory", "nearly the same but in different classes", False,
        "look at them: one of each may have the wrong class",
    )  # fmt: skip


def _near(pictures: Collection, similar: Similar) -> Finding | None:
    groups = [
        group
        for group in similar.near
        if len(_sides(pictures, group)) < 2 and len(_labels(pictures, group)) < 2
    ]
    return _grouped(
        pictures, groups, "near_duplicates", "nearly the same", False,
        "give pictures of one moment a common group in metadata.csv, and a split keeps them "
        "together",
    )  # fmt: skip


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
        "add pictures of these classes, at least one for each split; or remove the classes",
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
    return _listed(pictures, chosen, "blank", title, "remove them, unless blank is a class")


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


def _ignored(pictures: Collection, similar: Similar) -> Finding | None:
    notes = list(pictures.listing.notes)
    if not notes:
        return None
    return Finding("ignored", notes[0], False, "convert pictures among them", [], notes[1:])


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
    _unreadable, _contradictory, _across, _missing, _near_across, _near_labels, _twice, _near,
    _unequal, _blank, _turned, _gray, _sizes, _ignored,
)  # fmt: skip
