"""Check a folder of pictures before training: `check_folder(Path("signs"))`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from cnnkit.data.dataset import Dataset, read_folder
from cnnkit.data.own.check.collection import Collection
from cnnkit.data.own.check.finding import Finding
from cnnkit.data.own.check.findings import class_counts, find_all
from cnnkit.data.own.decoder import Facts
from cnnkit.data.own.listing import TEST, TRAIN, Listing
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.own.pixels import decode
from cnnkit.data.own.recognise import recognise
from cnnkit.errors import VerdictError


@dataclass(frozen=True)
class Report:
    """What was found in a folder."""

    pictures: Collection
    findings: list[Finding]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        listing = self.pictures.listing
        counts = class_counts(self.pictures)
        return {
            "data": str(listing.root),
            "layout": listing.layout,
            "pictures": len(self.pictures),
            "size": list(self.pictures.size),
            "classes": {
                name: {side or "pictures": int(number[k]) for side, number in counts.items()}
                for k, name in enumerate(listing.names)
            },
            "findings": [finding.to_json(listing.paths) for finding in self.findings],
        }

    def check(self) -> None:
        """Raise VerdictError if a finding would spoil a training."""
        wrong = [finding.title for finding in self.findings if finding.spoils]
        if wrong:
            raise VerdictError(
                self.pictures.listing.root,
                f"would spoil a training: {'; '.join(wrong)}",
                "correct what is marked with ✗",
            )


def check_folder(root: Path, manifest: Path | None, console: Console) -> Report | None:
    """Look at every picture of a person's own data; None if there is no data.

    Args:
        root: the folder or file.
        manifest: a table with labels; None looks for one.
        console: for progress.

    Raises:
        InputError: the data is damaged, or has no classes.
        StorageError: it cannot be read, or the cache cannot be written.
    """
    listing = recognise(root, manifest)
    if listing is None:
        return None
    rows, facts, record = decode(listing, PictureOptions(manifest=manifest), console)
    pictures = Collection(listing, facts, [rows], None if listing.pixels is not None else record)
    return Report(pictures, find_all(pictures))


def check_idx(root: Path) -> Report:
    """Look at the images of IDX files."""
    data = read_folder(root, str(root))
    sides = ((TRAIN, data.train), (TEST, data.test))
    listing = Listing(
        "IDX files",
        root,
        data.names,
        np.concatenate([side.labels for _, side in sides]),
        [name for name, side in sides for _ in side.labels],
        [f"{name}[{index}]" for name, side in sides for index in range(len(side.labels))],
    )
    facts = [
        Facts(hashlib.sha256(row.tobytes()).hexdigest()) for _, side in sides for row in side.images
    ]
    pictures = Collection(listing, facts, [side.images for _, side in sides])
    return Report(pictures, find_all(pictures))


def remark(data: Dataset, console: Console) -> None:
    """Print in a line what a loaded data set may spoil a training with; nothing if that is nothing.

    Of a few thousand pictures that takes a tenth of a second.
    """
    found = find_all(Collection.of(data))
    if found:
        titles = "; ".join(finding.title for finding in found)
        console.print(f"{titles}. `cnnkit data check {data.source}` shows them", soft_wrap=True)
