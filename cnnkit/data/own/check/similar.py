"""Pictures that are the same, or nearly so, in time that grows with their number: `compare(...)`.

Near duplicates are found by a difference hash: whether each of 8x8 areas is brighter than its
neighbour to the left, and than the one above. Hashes are sorted in several orders of their bits,
and neighbours compared, so that not every picture meets every other. Pixels then decide.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.fitting import contained
from cnnkit.data.own.check.collection import CHUNK, Collection
from cnnkit.data.own.splitting import connected, make_units

CELLS = 8
BITS = 2 * CELLS * CELLS
STEP = 2.0  # gray levels by which an area must be brighter: flat ones would differ by noise
MOST_BITS = 12  # that hashes of near duplicates may differ in
ORDERS, NEIGHBOURS = 16, 8
CORRELATION = 0.98  # of near duplicates' pixels
SHUFFLE = np.random.default_rng(0).permutation(BITS)  # so that no order begins with one corner
COUNTS = np.array([value.bit_count() for value in range(256)], np.uint8)

Groups = list[list[int]]


@dataclass(frozen=True)
class Similar:
    """What pictures have in common.

    Attributes:
        same: groups of pictures with the same content, or the same pixels for the network.
        near: groups of others that look alike.
        blank: bool [N], whether a picture has one colour.
        gray: bool [N], whether a picture has no colour.
    """

    same: Groups
    near: Groups
    blank: NDArray[np.bool_]
    gray: NDArray[np.bool_]


def compare(pictures: Collection) -> Similar:
    """Compare all pictures with each other, without those that cannot be used."""
    count = len(pictures)
    digests = [""] * count
    blank, gray = np.zeros(count, bool), np.zeros(count, bool)
    hashes = np.zeros((count, BITS // 8), np.uint8)
    small = np.zeros((count, CELLS * CELLS), np.float32)
    for start, rows in pictures.chunks():
        end = start + len(rows)
        blank[start:end] = _blank(pictures, start, rows)
        gray[start:end] = (rows == rows[:, :1]).all(axis=(1, 2, 3))
        levels = _gray(rows)
        hashes[start:end] = difference_hash(levels)
        height, width = levels.shape[1:]
        small[start:end] = _standard(_areas(height, CELLS) @ levels @ _areas(width, CELLS).T)
        for index, row in enumerate(rows, start):
            digests[index] = hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest()
    usable = np.array([not fact.problem for fact in pictures.facts])
    # Blank pictures are the same to the network, but no mistake of whoever copied files.
    pixels = ["" if not usable[i] or blank[i] else digests[i] for i in range(count)]
    files = [fact.sha256 or f"{i}" for i, fact in enumerate(pictures.facts)]
    units = make_units(files, pixels)
    first = np.unique(units[usable & ~blank], return_index=True)[1]
    alone = np.flatnonzero(usable & ~blank)[first]
    pairs = _likely(small[alone], neighbours(hashes[alone]))
    pairs = _confirmed(pictures, alone, pairs)
    blank &= usable
    return Similar(_groups(units, np.flatnonzero(usable)), _joined(alone[pairs]), blank, gray)


def _blank(pictures: Collection, start: int, rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which pictures have one colour, whatever bars were added, bool [n]."""
    flat = rows.reshape(*rows.shape[:2], -1)
    most = flat.max(axis=2, keepdims=True)
    blank: NDArray[np.bool_] = (flat == most).all(axis=(1, 2))
    record = pictures.record
    if record is None or record.resize.mode != "pad":
        return blank
    height, width = rows.shape[2:]
    maybe = ((flat == most) | (flat == record.resize.fill)).all(axis=(1, 2)) & ~blank
    for index in np.flatnonzero(maybe).tolist():
        fact = pictures.facts[start + index]
        if fact.width:
            inner = contained((fact.width, fact.height), (width, height))
            left, top = (round((a - b) / 2) for a, b in zip((width, height), inner, strict=True))
            seen = rows[index][:, top : top + inner[1], left : left + inner[0]]
            blank[index] = (seen == seen[:, :1, :1]).all()
    return blank


def difference_hash(levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the hash of each gray picture [n, H, W], uint8 [n, 16]."""
    height, width = levels.shape[1:]
    across = _areas(height, CELLS) @ levels @ _areas(width, CELLS + 1).T
    down = _areas(height, CELLS + 1) @ levels @ _areas(width, CELLS).T
    bits = np.concatenate(
        [
            (across[:, :, 1:] > across[:, :, :-1] + STEP).reshape(len(levels), -1),
            (down[:, 1:] > down[:, :-1] + STEP).reshape(len(levels), -1),
        ],
        axis=1,
    )
    return np.packbits(bits[:, SHUFFLE], axis=1)


def _areas(length: int, cells: int) -> NDArray[np.float32]:
    """Return the weights that average `length` pixels into cells, [cells, length]."""
    edges = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: NDArray[np.float32] = (np.maximum(overlap, 0) * cells / length).astype(np.float32)
    return weights


def neighbours(hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return pairs of hashes that differ in a few bits, int64 [P, 2], the smaller number first.

    Nearly all such pairs: those that stand close to each other in one of the orders.
    """
    found = [np.empty(0, np.int64)]
    for order in range(ORDERS):
        words = np.ascontiguousarray(np.roll(hashes, -order, axis=1)).view(">u8")
        ranked = np.lexsort((words[:, 1], words[:, 0]))
        sorted_hashes = hashes[ranked]
        for distance in range(1, min(NEIGHBOURS, len(hashes) - 1) + 1):
            differing = COUNTS[sorted_hashes[distance:] ^ sorted_hashes[:-distance]].sum(axis=1)
            at = np.flatnonzero(differing <= MOST_BITS)
            one, other = ranked[at], ranked[at + distance]
            found.append(np.minimum(one, other) * len(hashes) + np.maximum(one, other))
    pairs = np.unique(np.concatenate(found))
    return np.stack(np.divmod(pairs, max(len(hashes), 1)), axis=1)


def _confirmed(
    pictures: Collection, alone: NDArray[np.int64], pairs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return those pairs whose pixels agree but for brightness and contrast."""
    kept = [np.empty((0, 2), np.int64)]
    for begin in range(0, len(pairs), CHUNK):
        some = pairs[begin : begin + CHUNK]
        left, right = (_standard(_gray(pictures.take(alone[some[:, side]]))) for side in (0, 1))
        kept.append(some[(left * right).sum(axis=1) >= CORRELATION])
    return np.concatenate(kept)


def _likely(small: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those pairs that agree in 8x8 areas, which is quicker to tell than in all pixels."""
    kept = [np.empty((0, 2), np.int64)]
    for begin in range(0, len(pairs), CHUNK**2):
        some = pairs[begin : begin + CHUNK**2]
        agreement = np.einsum("pc,pc->p", small[some[:, 0]], small[some[:, 1]])
        kept.append(some[agreement >= CORRELATION])
    return np.concatenate(kept)


def _gray(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return gray levels [n, H, W] of pictures [n, C, H, W]."""
    if rows.shape[1] == 1:
        return rows[:, 0].astype(np.float32)
    levels: NDArray[np.float32] = rows.mean(axis=1, dtype=np.float32)
    return levels


def _standard(levels: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return gray pictures [n, pixels] with mean 0 and length 1."""
    flat = levels.reshape(len(levels), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return flat


def _groups(units: NDArray[np.int64], usable: NDArray[np.int64]) -> Groups:
    """Return the pictures of each unit that has several."""
    order = usable[np.argsort(units[usable], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    return sorted(part.tolist() for part in parts if len(part) > 1)


def _joined(pairs: NDArray[np.int64]) -> Groups:
    """Return the groups that pairs [P, 2] make."""
    groups: dict[int, list[int]] = {}
    roots: dict[int, int] = connected((one, other) for one, other in pairs.tolist())
    for key, root in sorted(roots.items()):
        groups.setdefault(root, []).append(key)
    return sorted(groups.values())
