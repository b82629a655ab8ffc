"""Which connected pieces of ink are the digit: `choose_pieces(mask, ink)`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.digit.planes import Box, Components, Mask, Plane, components

SPECK = 0.04  # of the largest piece's ink
SMALLEST = 0.03  # of the picture's longer side: smaller pieces are noise
HOLLOW = 0.15  # of a frame's sides: how far inwards its ink reaches
MARGIN = 0.125  # of the picture's sides: what lies within is along its edges
THIN = 0.08  # of its longer side, squared: the area of a thin piece


@dataclass(frozen=True)
class Piece:
    """A connected piece of ink.

    Attributes:
        number: its own, as in the labels.
        mass: the sum of its ink.
        size: its pixels.
        box: its bounding box.
        touching: whether it touches an edge of the picture.
        along: whether nearly all of it lies along the edges.
    """

    number: int
    mass: float
    size: int
    box: Box
    touching: bool
    along: bool

    @property
    def scrap(self) -> bool:
        """Whether it may be a part of a line or of an edge: thin, and cut off by the picture."""
        return self.touching and (self.along or self.size < THIN * self.side**2)

    @property
    def height(self) -> int:
        """Rows of its box."""
        return self.box[1] - self.box[0]

    @property
    def width(self) -> int:
        """Columns of its box."""
        return self.box[3] - self.box[2]

    @property
    def side(self) -> int:
        """The longer side of its box."""
        return max(self.height, self.width)


def choose_pieces(mask: Mask, ink: Plane) -> tuple[Mask, int, bool] | None:
    """Return the digit's mask, the number of its pieces and whether there are several digits.

    Return None if nothing is a digit.
    """
    found = components(mask)
    labels, pieces = found.labels, list_pieces(found, ink)
    pieces = [piece for piece in pieces if piece.side >= max(2, SMALLEST * max(mask.shape))]
    if not pieces:
        return None
    pieces = without_frames(pieces, labels)
    free = [piece for piece in pieces if not piece.touching]
    largest = max(piece.side for piece in pieces)
    if any(piece.side >= max(0.25 * largest, 0.08 * max(mask.shape)) for piece in free):
        pieces = [piece for piece in pieces if not piece.scrap]
    most = max(piece.mass for piece in pieces)
    pieces = [piece for piece in pieces if piece.mass >= SPECK * most]
    numbers = [piece.number for piece in pieces]
    return np.isin(labels, numbers), len(pieces), are_several(pieces)


def list_pieces(found: Components, ink: Plane | None = None) -> list[Piece]:
    """Return the connected pieces of a mask; without `ink`, each pixel has a mass of 1."""
    height, width = found.shape
    entries = found.count + 1
    size = np.bincount(found.number, found.ends - found.starts, entries)
    masses = size if ink is None else np.bincount(found.labels.ravel(), ink.ravel(), entries)
    first = np.full((2, entries), max(height, width))
    last = np.zeros((2, entries), int)
    for places, start, end in (
        (0, found.rows, found.rows + 1),
        (1, found.starts, found.ends),
    ):
        np.minimum.at(first[places], found.number, start)
        np.maximum.at(last[places], found.number, end)
    (top, bottom), (left, right) = _deep(height), _deep(width)
    inner = np.minimum(found.ends, right) - np.maximum(found.starts, left)
    inner[(found.rows < top) | (found.rows >= bottom)] = 0
    shallow = size - np.bincount(found.number, np.maximum(inner, 0), entries)
    pieces = []
    for n in range(1, entries):
        top, left = first[:, n].tolist()
        bottom, right = last[:, n].tolist()
        touching = top == 0 or left == 0 or bottom == height or right == width
        along = bool(shallow[n] >= 0.9 * size[n])
        box = (top, bottom, left, right)
        pieces.append(Piece(n, float(masses[n]), int(size[n]), box, touching, along))
    return pieces


def _deep(side: int) -> tuple[int, int]:
    """Return the first place of a side that does not lie along an edge, and that after the last."""
    places = np.arange(side)
    deep = np.flatnonzero(np.minimum(places, side - 1 - places) / side >= MARGIN)
    return (int(deep[0]), int(deep[-1]) + 1) if len(deep) else (0, 0)


def without_frames(pieces: list[Piece], labels: NDArray[np.int64]) -> list[Piece]:
    """Drop pieces that are hollow and have a large piece inside."""
    kept = []
    for piece in pieces:
        top, bottom, left, right = piece.box
        down, across = HOLLOW * piece.height, HOLLOW * piece.width
        inside = [
            other
            for other in pieces
            if other is not piece
            and other.box[0] >= top + 0.02 * piece.height
            and other.box[1] <= bottom - 0.02 * piece.height
            and other.box[2] >= left + 0.02 * piece.width
            and other.box[3] <= right - 0.02 * piece.width
            and other.side >= 0.3 * piece.side
        ]
        if inside:
            a, b = round(top + down), round(bottom - down)
            c, d = round(left + across), round(right - across)
            core = (labels[a:b, c:d] == piece.number).sum()
            whole = (labels[top:bottom, left:right] == piece.number).sum()
            if core < 0.1 * whole:
                continue
        kept.append(piece)
    return kept or pieces


def are_several(pieces: list[Piece]) -> bool:
    """Return whether two pieces are as high as digits and lie side by side."""
    highest = max(piece.height for piece in pieces)
    tall = sorted((p for p in pieces if p.height >= 0.5 * highest), key=lambda p: p.box[2])
    for one, other in pairwise(tall):
        shared = min(one.box[1], other.box[1]) - max(one.box[0], other.box[0])
        beside = other.box[2] - one.box[3] >= 0.02 * highest
        if beside and shared >= 0.5 * min(one.height, other.height):
            return True
    return False
