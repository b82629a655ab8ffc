"""Hold out pictures for the test and for validation: `hold_out(units, labels, 0.2, [seed, 0, 2])`.

A unit is what must stay on one side: the pictures of a group, or pictures with the same content.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError

Key = TypeVar("Key", bound=Hashable)


def make_units(contents: Sequence[str], groups: Sequence[str] | None) -> NDArray[np.int64]:
    """Return the number of each picture's unit, int64 [N].

    Args:
        contents: a digest of each picture.
        groups: of each picture; an empty one is a group of its own. Pictures with the same content
            join their groups.
    """
    pairs = [(f"content {content}", f"content {content}") for content in contents]
    if groups:
        pairs += [
            (content, f"group {group}")
            for (content, _), group in zip(pairs, groups, strict=True)
            if group
        ]
    roots = connected(pairs)
    members = [roots[content] for content, _ in pairs[: len(contents)]]
    return np.unique(members, return_inverse=True)[1].astype(np.int64)


def connected(pairs: Iterable[tuple[Key, Key]]) -> dict[Key, Key]:
    """Return a representative of each key: the same one for all that pairs connect."""
    parent: dict[Key, Key] = {}

    def find(key: Key) -> Key:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in pairs:
        parent[find(one)] = find(other)
    return {key: find(key) for key in list(parent)}


def hold_out(
    units: NDArray[np.int64], labels: NDArray[np.int64], share: float, seed: Sequence[int]
) -> NDArray[np.bool_]:
    """Return which pictures are held out, bool [N]: the same share of every class.

    Units are drawn in a seeded order. One is held out if that brings the classes of its pictures
    closer to their share.

    Args:
        units: int64 [N], from `make_units`.
        labels: int64 [N].
        share: of each class, rounded to whole pictures, but at least one.
        seed: of NumPy's PCG64.
    """
    counts = np.bincount(labels)
    wanted = np.where(counts > 1, np.maximum(np.rint(counts * share), 1), 0)
    order = np.argsort(units, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    held = np.zeros(len(labels), bool)
    missing = wanted.copy()
    for number in np.random.default_rng(list(seed)).permutation(len(members)):
        unit = members[number]
        classes = np.bincount(labels[unit], minlength=len(counts))
        if (np.abs(missing - classes) - np.abs(missing)).sum() < 0:
            held[unit] = True
            missing -= classes
    return held


def check_sides(subject: object, names: Sequence[str], sides: dict[str, NDArray[np.int64]]) -> None:
    """Raise InputError unless every class has pictures on every side.

    Args:
        subject: the data, for messages.
        names: the K class names.
        sides: the labels of each split's pictures.
    """
    lacking = []
    for side, labels in sides.items():
        counts = np.bincount(labels, minlength=len(names))
        empty = np.flatnonzero(counts == 0).tolist()
        lacking += [f"{names[k]}: no {side} picture" for k in empty]
    if lacking:
        raise InputError(
            subject,
            "has classes without pictures in a split",
            "give each class at least two pictures that differ, and one in each split; or remove "
            "the class",
            lacking,
        )
