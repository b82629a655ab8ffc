"""The pixels of a person's pictures as the network gets them: `decode(listing, ...)`."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from cnnkit.data.dataset import cache_folder
from cnnkit.data.fitting import fit_picture
from cnnkit.data.own.cache import PIXELS, Cache
from cnnkit.data.own.decoder import Facts
from cnnkit.data.own.listing import Listing
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.own.reading import read_pictures
from cnnkit.errors import InputError
from cnnkit.graph.preprocessing import Preprocessing, Resize
from cnnkit.system.locks import temporary

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
    paths = listing.paths
    known, states = cache.facts(paths)
    facts = [fact for fact in known if fact is not None]
    if len(facts) < len(paths):
        facts = read_pictures(listing.root, paths, None, None, console)
        cache.folder.mkdir(parents=True, exist_ok=True)
        cache.keep_facts(paths, states, facts)
    usable = [fact for fact in facts if not fact.problem] or facts
    sizes = Counter((fact.height, fact.width) for fact in usable)
    record = choose_record(sizes, all(fact.gray for fact in usable), options)
    place = cache.place(record, facts)
    kept = cache.read(place)
    if kept is None:
        _decode_files(listing, record, cache, place, facts, console)
        kept = cache.read(place)
        assert kept is not None
    return kept[0], kept[1], record


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


def _decode_files(
    listing: Listing,
    record: Preprocessing,
    cache: Cache,
    place: Path,
    facts: Sequence[Facts],
    console: Console,
) -> None:
    """Decode all files into the cache.

    Raises:
        InputError: a file changed since `facts` were taken.
        StorageError: the cache cannot be written.
    """
    cache.folder.mkdir(parents=True, exist_ok=True)
    with temporary(lambda: Path(tempfile.mkdtemp(prefix=".", dir=cache.folder))) as beside:
        file = beside / PIXELS
        shape = (len(facts), *record.size)
        mapped = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
        offset = mapped.offset
        del mapped
        decoded = read_pictures(listing.root, listing.paths, record, (file, offset), console)
        changed = [
            path
            for path, before, now in zip(listing.paths, facts, decoded, strict=True)
            if before.sha256 != now.sha256
        ]
        if changed:
            raise InputError(
                listing.root,
                "changed while it was read",
                "start again when nothing writes there any more",
                changed,
            )
        cache.keep(beside, place, decoded)
