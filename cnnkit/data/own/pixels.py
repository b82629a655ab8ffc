"""The pixels of a person's pictures as the network gets them: `decode(listing, ...)`."""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from cnnkit.data.dataset import cache_folder
from cnnkit.data.fitting import fit_picture
from cnnkit.data.own.cache import PIXELS, Cache
from cnnkit.data.own.decoder import Facts, read_chunk
from cnnkit.data.own.listing import Listing
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.own.reading import read_pictures
from cnnkit.errors import InputError
from cnnkit.graph.preprocessing import Preprocessing, Resize
from cnnkit.system.locks import remove_stale, temporary

LEFTOVER = re.compile(r"\.[a-z0-9_]{8}")  # what a killed process left in the cache
SAMPLE = 64  # pictures by which it is guessed how all are prepared
SIDE, SMALL = 32, 64  # the usual input, and the largest that pictures get because they have it


def decode(
    listing: Listing, options: PictureOptions, console: Console
) -> tuple[NDArray[np.uint8], list[Facts], Preprocessing]:
    """Return all pictures as the network gets them, uint8 [N, C, H, W], their facts and the record.

    What cannot be used is black, and its facts say why.
    """
    if listing.pixels is not None:
        facts = [Facts(hashlib.sha256(row.tobytes()).hexdigest()) for row in listing.pixels]
        _, height, width, *channels = listing.pixels.shape
        record = choose_record(Counter({(height, width): 1}), channels in ([], [1]), options)
        return _fit_arrays(listing.pixels, record), facts, record
    cache = Cache(cache_folder("pictures"), listing.root)
    known = cache.facts(listing.paths)
    facts = [fact for fact in known if fact is not None]
    if len(facts) < len(listing.paths):
        facts = _look_and_decode(listing, options, cache, console)
    record = _record_of(facts, options)
    place = cache.place(record, facts)
    rows = cache.read(place)
    if rows is None:
        with _beside(cache) as folder:
            decoded = _decode_files(listing, record, folder, console)
            pairs = zip(listing.paths, facts, decoded, strict=True)
            _refuse_changed(listing, [path for path, a, b in pairs if a.sha256 != b.sha256])
            cache.keep(folder, place)
        rows = cache.read(place)
        assert rows is not None
    return rows, facts, record


def _record_of(facts: Sequence[Facts], options: PictureOptions) -> Preprocessing:
    usable = [fact for fact in facts if not fact.problem] or facts
    sizes = Counter((fact.height, fact.width) for fact in usable)
    return choose_record(sizes, all(fact.gray for fact in usable), options)


def _look_and_decode(
    listing: Listing,
    options: PictureOptions,
    cache: Cache,
    console: Console,
) -> list[Facts]:
    """Return the facts of all files, and keep them.

    Each file is opened once: all are decoded as a few of them suggest, and that is kept if it
    proves right for all.
    """
    paths = listing.paths
    few = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), SAMPLE)).astype(int))
    sample, _ = read_chunk(listing.root, [paths[index] for index in few.tolist()])
    guess = _record_of(sample, options)
    begun = time.time_ns()
    with _beside(cache) as folder:
        facts = _decode_files(listing, guess, folder, console)
        cache.keep_facts(paths, facts, begun)
        if _record_of(facts, options) == guess:
            cache.keep(folder, cache.place(guess, facts))
    return facts


def choose_record(
    sizes: Counter[tuple[int, int]], gray: bool, options: PictureOptions
) -> Preprocessing:
    """Return how pictures of these (height, width) are prepared."""
    size = options.size
    if size is None:
        only = next(iter(sizes)) if len(sizes) == 1 else (0, 0)
        size = only if min(only) > 0 and max(only) <= SMALL else (SIDE, SIDE)
    colour = ("gray" if gray else "rgb") if options.color == "auto" else options.color
    channels = 1 if colour == "gray" else 3
    return replace(
        Preprocessing.of((channels, *size)),
        resize=Resize(options.fit, "bilinear", True, 0),
        orientation="exif",
    )


def _fit_arrays(pixels: NDArray[np.uint8], record: Preprocessing) -> NDArray[np.uint8]:
    """Return images [N, H, W] or [N, H, W, C] as the network gets them, uint8 [N, C, H, W]."""
    channels, height, width = record.size
    stacked = pixels[..., None] if pixels.ndim == 3 else pixels
    if stacked.shape[1:] == (height, width, channels):
        return np.ascontiguousarray(stacked.transpose(0, 3, 1, 2))
    flat = stacked[..., 0] if stacked.shape[3] == 1 else stacked
    return np.stack([fit_picture(Image.fromarray(image), record) for image in flat])


@contextmanager
def _beside(cache: Cache) -> Iterator[Path]:
    """Yield a temporary folder in the cache.

    Raises:
        StorageError: the cache cannot be written.
    """
    cache.folder.mkdir(parents=True, exist_ok=True)
    remove_stale(cache.folder, LEFTOVER)
    with temporary(lambda: Path(tempfile.mkdtemp(prefix=".", dir=cache.folder))) as folder:
        yield folder


def _decode_files(
    listing: Listing, record: Preprocessing, folder: Path, console: Console
) -> list[Facts]:
    """Decode all files into a folder of the cache, and return their facts.

    Raises:
        InputError: files changed meanwhile.
    """
    file = folder / PIXELS
    shape = (len(listing.paths), *record.size)
    mapped = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
    offset = mapped.offset
    del mapped
    place = (file, offset)
    facts, changed = read_pictures(listing.root, listing.paths, record, place, console)
    _refuse_changed(listing, changed)
    return facts


def _refuse_changed(listing: Listing, changed: Sequence[str]) -> None:
    """Raise InputError if files changed while they were read."""
    if changed:
        raise InputError(
            listing.root,
            "changed while it was read",
            "start again when nothing writes there any more",
            changed,
        )
