"""A person's own pictures as a data set: `load_own(listing, PictureOptions(), console)`."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from cnnkit.data.dataset import Dataset, Split
from cnnkit.data.own.decoder import Facts
from cnnkit.data.own.listing import TEST, TRAIN, VALIDATION, Listing, counted
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.own.pixels import decode
from cnnkit.data.own.sides import choose_sides, drop_bad
from cnnkit.data.own.splitting import check_sides
from cnnkit.data.registry import OWN
from cnnkit.errors import InputError
from cnnkit.graph.preprocessing import Preprocessing

# What happens to pictures, by the mode of their resizing.
FITTED = {
    "stretch": "stretched to",
    "pad": "scaled and padded to",
    "crop": "scaled and cropped to",
    "none": "of",
}
IN_MEMORY = 2**29  # bytes of a split; a larger one stays in a mapped file


def load_own(listing: Listing, options: PictureOptions, console: Console) -> Dataset:
    """Decode, check and split pictures.

    Args:
        listing: what was found.
        options: how they are prepared and split.
        console: for progress and for what a person should know.

    Raises:
        InputError: pictures cannot be used, or a class has none in a split.
        StorageError: the cache cannot be written.
    """
    options.check()
    if len(listing.labels) < 4 and options.classes is None:
        raise InputError(
            listing.root,
            f"has only {counted(len(listing.labels), 'picture', ('', ''))}",
            "use at least two of each class: one to learn from, one to be tested on",
        )
    rows, facts, record = decode(listing, options, console)
    listing, kept = drop_bad(listing, facts, options, console)
    contents = [facts[index].sha256 for index in kept]
    splits, kept, listing = choose_sides(listing, contents, kept, options, console)
    sides = {name: np.flatnonzero(splits == name) for name in (TRAIN, VALIDATION, TEST)}
    if options.classes is None:
        needed = {TRAIN, TEST} | ({VALIDATION} if options.val_split else set())
        check_sides(listing.root, listing.names, {
            name: listing.labels[rows_of]
            for name, rows_of in sides.items()
            if len(rows_of) or name in needed
        })  # fmt: skip
    digest = hashlib.sha256(json.dumps(record.to_json(scaled_inside=True)).encode())
    samples = []
    for row, index in enumerate(kept):
        sample = (str(splits[row]), listing.names[listing.labels[row]], listing.paths[row])
        samples.append((*sample, facts[index].sha256))
        digest.update(json.dumps(samples[-1]).encode() + b"\n")

    def side(name: str) -> Split:
        return Split(_gather(rows, kept[sides[name]]), listing.labels[sides[name]])

    for note in listing.notes:
        console.print(f"{listing.root}: {note}", soft_wrap=True)
    used = [facts[index] for index in kept]
    console.print(_summary(listing, used, record, sides), soft_wrap=True)
    return Dataset(
        OWN,
        side(TRAIN),
        side(TEST),
        listing.names,
        {"pictures": digest.hexdigest()},
        str(listing.root),
        validation=side(VALIDATION) if len(sides[VALIDATION]) else None,
        preprocessing=record,
        samples=tuple(samples),
    )


def _gather(rows: NDArray[np.uint8], indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return some rows: in memory, or where that takes too much, in a mapped temporary file."""
    size = len(indices) * int(np.prod(rows.shape[1:]))
    if size <= IN_MEMORY:
        return rows[indices]
    if np.array_equal(indices, np.arange(indices[0], indices[0] + len(indices))):
        return rows[indices[0] : indices[0] + len(indices)]
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the mapping keeps it until it is not needed)
    mapped = np.memmap(file, np.uint8, "w+", shape=(len(indices), *rows.shape[1:]))
    for start in range(0, len(indices), 4096):
        mapped[start : start + 4096] = rows[indices[start : start + 4096]]
    return mapped


def _summary(
    listing: Listing,
    facts: Sequence[Facts],
    record: Preprocessing,
    sides: dict[str, NDArray[np.int64]],
) -> str:
    """Return what was found and what becomes of it, as one line."""
    _, height, width = record.size
    sizes = Counter((fact.width, fact.height) for fact in facts if fact.width)
    found = ""
    if sizes:
        (wide, high), most = sizes.most_common(1)[0]
        found = f", {wide}x{high}" if len(sizes) == 1 else f", {most:,} of them {wide}x{high}"
    parts = ", ".join(f"{len(rows):,} {name}" for name, rows in sides.items() if len(rows))
    return (
        f"{listing.root}: {listing.layout}, {len(listing.labels):,} pictures{found}, in "
        f"{len(listing.names):,} classes ({parts}); {FITTED[record.resize.mode]} "
        f"{width}x{height}, {record.colour}"
    )
