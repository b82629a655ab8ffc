"""Pictures to be checked: `Collection`, of a folder or of a data set that is loaded already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Dataset
from cnnkit.data.own.decoder import Facts
from cnnkit.data.own.listing import TEST, TRAIN, VALIDATION, Listing
from cnnkit.graph.preprocessing import Preprocessing

CHUNK = 1024  # pictures in memory at a time


@dataclass(frozen=True)
class Collection:
    """Pictures with all that is known of them.

    Attributes:
        listing: their names, labels and splits.
        facts: of each file.
        parts: their pixels as the network gets them, uint8 [n, C, H, W] each, one after the other.
        record: how they became these; None for arrays of their own size.
    """

    listing: Listing
    facts: Sequence[Facts]
    parts: Sequence[NDArray[np.uint8]]
    record: Preprocessing | None = None

    def __len__(self) -> int:
        return len(self.listing.labels)

    @property
    def size(self) -> tuple[int, ...]:
        """C, H, W of the network's input."""
        return self.parts[0].shape[1:]

    def chunks(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield all pixels piece by piece, with the number of the first picture of each."""
        start = 0
        for part in self.parts:
            for begin in range(0, len(part), CHUNK):
                yield start + begin, np.asarray(part[begin : begin + CHUNK])
            start += len(part)

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pixels of some pictures, [n, C, H, W]."""
        rows = np.empty((len(indices), *self.size), np.uint8)
        start = 0
        for part in self.parts:
            here = np.flatnonzero((indices >= start) & (indices < start + len(part)))
            rows[here] = part[indices[here] - start]
            start += len(part)
        return rows

    @classmethod
    def of(cls, data: Dataset) -> Collection:
        """Return a person's own pictures that are loaded already, split by split."""
        sides = {TRAIN: data.train, VALIDATION: data.validation, TEST: data.test}
        found = {name: side for name, side in sides.items() if side is not None}
        samples = [sample for name in found for sample in data.samples if sample[0] == name]
        labels = np.concatenate([side.labels for side in found.values()])
        splits, _, paths, digests = zip(*samples, strict=True)
        listing = Listing("", Path(data.source), data.names, labels, splits, paths)
        facts = [Facts(digest) for digest in digests]
        return cls(listing, facts, [side.images for side in found.values()], data.preprocessing)
