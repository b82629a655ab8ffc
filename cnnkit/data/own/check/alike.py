"""Pictures that are the same, or nearly: in one place, in different splits or different classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnnkit.data.own.check.collection import Collection
from cnnkit.data.own.check.finding import Finding
from cnnkit.data.own.check.similar import Similar
from cnnkit.data.own.listing import counted


@dataclass(frozen=True)
class Alike:
    """A kind of finding about pictures that are the same, or nearly.

    Attributes:
        kind: its name in JSON.
        near: whether the pictures are nearly the same only.
        is_it: whether a group is of this kind, given its splits and its classes.
        text: what they are.
        spoils: as a finding has it.
        remedy: likewise.
    """

    kind: str
    near: bool
    is_it: Callable[[set[str], set[int]], bool]
    text: str
    spoils: bool
    remedy: str

    def __call__(self, pictures: Collection, similar: Similar) -> Finding | None:
        """Return the finding, if there are such pictures."""
        groups = [
            group
            for group in (similar.near if self.near else similar.same)
            if self.is_it(_sides(pictures, group), _labels(pictures, group))
        ]
        if not groups:
            return None
        title = f"{counted(sum(map(len, groups)), 'picture')} {self.text}"
        between = " ≈ " if self.near else " = "
        lines = [_described(pictures, group, between) for group in groups]
        return Finding(self.kind, title, self.spoils, self.remedy, groups, lines)


CONTRADICTORY = Alike(
    "contradictory", False, lambda sides, labels: len(labels) > 1,
    "the same but in different classes", True, "keep each in its right class only",
)  # fmt: skip
ACROSS = Alike(
    "across_splits", False, lambda sides, labels: len(sides) > 1,
    "the same in different splits", True,
    "remove one of each, or else accuracy is measured on what was learned; `cnnkit train --bad "
    "skip` leaves out those for training whose files are the same",
)  # fmt: skip
TWICE = Alike(
    "duplicates", False, lambda sides, labels: len(sides) < 2 and len(labels) < 2,
    "there more than once", False, "remove all but one, unless they are meant to count more",
)  # fmt: skip
NEAR_ACROSS = Alike(
    "near_across_splits", True, lambda sides, labels: len(sides) > 1,
    "nearly the same in different splits", False,
    "look at them: pictures of one moment belong in one split",
)  # fmt: skip
NEAR_LABELS = Alike(
    "near_contradictory", True, lambda sides, labels: len(labels) > 1,
    "nearly the same but in different classes", False,
    "look at them: one of each may have the wrong class",
)  # fmt: skip
NEAR = Alike(
    "near_duplicates", True, lambda sides, labels: len(sides) < 2 and len(labels) < 2,
    "nearly the same", False,
    "give pictures of one moment a common group in metadata.csv, and a split keeps them together",
)  # fmt: skip


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
