"""Ruled lines, frames and the dark edges of scans: long straight runs that are no strokes.

`erase_lines(mask)` returns the mask without them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.digit.pieces import list_pieces
from cnnkit.data.digit.planes import Box, Mask, box_of, components, highest, highest_of_rows

LONG = 0.5  # of the picture's side that a line runs along
STEEPEST = 0.12  # rise of a line per pixel
STEPS = 6  # slopes tried on either side of level
FAT = 0.06  # of the shorter side: the thickest line inside a picture
FATTEST = 0.2  # of that side: the thickest line along an edge
BEYOND = 0.04  # of the picture's side that a line sticks out of the digit at either end
NEARLY = 0.02  # of that side: a line that ends so close to an edge reaches it
SEEN = 0.5  # of its least length that is in sight, beside strokes
MOST = 0.6  # of a line: the rest may be hidden by strokes
LEAST = 0.02  # of the picture's longer side, squared: less ink is noise
RULED = 3  # lines or more that end inside the picture: those of a frame
NEAR = 3  # pixels from a line: ink there is still its own
APART = 0.05  # of a line's ink: more of it farther away is a stroke that touches it
NARROW = 8  # pixels: a narrower picture has no room for lines beside the digit
PART = 0.1  # of the largest piece: smaller ones do not tell where the digit is

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Line:
    """A straight run of ink across a picture.

    Attributes:
        pixels: its ink, without that of strokes that cross it.
        band: along an edge of the picture, its ink with all that lies in it: it hides the digit.
        start, end: its first column and the one after its last.
        whole: whether it crosses the picture from edge to edge.
        edge: whether it runs along an edge of the picture.
    """

    pixels: Mask
    band: Mask
    start: int
    end: int
    whole: bool
    edge: bool

    def turned(self) -> Line:
        """Return the line of a transposed picture."""
        return replace(self, pixels=self.pixels.T, band=self.band.T)


def erase_lines(mask: Mask) -> Mask:
    """Return `mask` without the lines that stick out of the rest at both of their ends.

    A bar of a digit does not: it ends where another stroke begins, as that of a 7.
    """
    if min(mask.shape) < NARROW:
        return mask
    level = find_lines(mask)
    uncrossed = mask & ~np.any([line.pixels for line in level], axis=0) if level else mask
    upright = [line.turned() for line in find_lines(uncrossed.T)]
    if (level or upright) and not is_ruled(level + upright):
        labels = components(mask).labels
        level, upright = (
            [line for line in lines if is_apart(line, labels)] for lines in (level, upright)
        )
    if not level and not upright:
        return mask
    rest = without(mask, level + upright)
    if any(line.edge for line in level + upright):
        main = main_piece(rest)
        level, upright = (
            [line for line in lines if not is_bar(line, main)] for lines in (level, upright)
        )
    if is_frame(level, upright, rest):
        return without(mask, level + upright)
    kept_level = chosen(without(mask, upright), level, mask.shape[1], 2)
    kept_upright = chosen(without(mask, level), upright, mask.shape[0], 0)
    if len(kept_upright) == 1 and main_box(without(mask, kept_level + kept_upright)) is None:
        kept_upright = []  # it is a 1
    return without(mask, kept_level + kept_upright)


def is_ruled(lines: list[Line]) -> bool:
    """Return whether lines are those of a page or a frame: two strokes alone make a 4 or a 7."""
    return len(lines) >= RULED or any(line.whole for line in lines)


def is_apart(line: Line, labels: Rows) -> bool:
    """Return whether nothing else touches a line, by the numbers of connected pieces."""
    near = highest(line.pixels.astype(float), NEAR) > 0
    others = np.isin(labels, labels[line.pixels]) & ~near
    return bool(others.sum() <= APART * line.pixels.sum())


def is_frame(level: list[Line], upright: list[Line], rest: Mask) -> bool:
    """Return whether lines lie all around the rest and along all of it, however close."""
    box = main_box(rest)
    if len(level) < 2 or len(upright) < 2 or box is None:
        return False
    hull = box_of(np.any([line.pixels for line in level + upright], axis=0))
    around = hull[0] < box[0] and hull[1] > box[1] and hull[2] < box[2] and hull[3] > box[3]
    along = all(line.start <= box[2] and line.end >= box[3] for line in level)
    return around and along and all(x.start <= box[0] and x.end >= box[1] for x in upright)


def main_piece(mask: Mask) -> Mask:
    """Return the largest connected piece of a mask."""
    found = components(mask)
    largest = max(list_pieces(found), key=lambda piece: piece.mass, default=None)
    return np.asarray(found.labels == largest.number) if largest else mask


def is_bar(line: Line, main: Mask) -> bool:
    """Return whether a line along an edge is the bar of a digit: the `main` piece meets it."""
    return line.edge and bool((main & (highest(line.band.astype(float), NEAR) > 0)).any())


def chosen(mask: Mask, lines: list[Line], side: int, first: int) -> list[Line]:
    """Return those of one direction's lines that are no strokes; `first` is where its box has it.

    The longest are lines, and the rest may be strokes, such as that of a 1.
    """
    lines = sorted(lines, key=lambda line: line.start - line.end)
    for count in range(len(lines), 0, -1):
        box = main_box(without(mask, lines[:count]))
        if box is None:
            if count == len(lines) and all(line.whole for line in lines) and _thin(lines):
                return lines
            continue
        start, end = box[first] - BEYOND * side, box[first + 1] + BEYOND * side
        if all(line.start <= start and line.end >= end for line in lines[:count]):
            return lines[:count]
    return []


def without(mask: Mask, lines: list[Line]) -> Mask:
    """Return `mask` without the pixels of lines."""
    result = mask.copy()
    for line in lines:
        result &= ~line.band
    return result


def _thin(lines: list[Line]) -> bool:
    return all(line.pixels.sum() < FAT * (line.end - line.start) ** 2 for line in lines)


def main_box(mask: Mask) -> Box | None:
    """Return the bounding box of the larger pieces of a mask; None if there is none.

    Thin pieces at an edge are parts of lines, unless there is nothing else.
    """
    pieces = [piece for piece in list_pieces(components(mask)) if piece.side > 2]
    pieces = [piece for piece in pieces if not piece.scrap] or pieces
    largest = max((piece.mass for piece in pieces), default=0.0)
    if largest < (LEAST * max(mask.shape)) ** 2:
        return None
    boxes = np.array([piece.box for piece in pieces if piece.mass >= PART * largest])
    top, left = boxes[:, [0, 2]].min(axis=0)
    bottom, right = boxes[:, [1, 3]].max(axis=0)
    return int(top), int(bottom), int(left), int(right)


def find_lines(mask: Mask) -> list[Line]:
    """Return the long runs of ink that are nearly level."""
    height, width = mask.shape
    top, bottom = vertical_runs(mask)
    thickness = bottom - top
    edge = (top == 0) | (bottom == height)
    left = taller(mask & (thickness <= np.where(edge, FATTEST, FAT) * height))
    drifting = math.ceil(STEEPEST * width / 2)
    if highest_of_rows(left.T.astype(float), drifting).T.mean(axis=1).max(initial=0) < SEEN * LONG:
        return []
    crossed = taller(mask)
    columns = np.arange(width)
    found: list[Line] = []
    for rise in sorted(range(-STEPS, STEPS + 1), key=abs):
        if left.sum() < LONG * width / 2:
            break
        drift = np.rint(rise / STEPS * STEEPEST * (columns - width / 2)).astype(int)
        ys, xs = np.nonzero(left)
        starts = ys - drift[xs]
        starts = starts[(starts >= 0) & (starts < height)]
        shares = np.bincount(starts, minlength=height) / width
        for y in np.argsort(-shares, kind="stable"):
            if shares[y] < SEEN * LONG:
                break
            path = np.clip(y + drift, 0, height - 1)
            inside = path == y + drift
            if (left[path, columns] & inside).mean() < SEEN * LONG:
                continue  # a line above or below it has been found meanwhile
            start, end = longest_run(crossed[path, columns] & inside)
            line = None
            if end - start >= SEEN * LONG * width:
                line = _line(mask, (top, bottom), crossed, path, start, end)
            left[path, columns] &= ~inside
            if line is not None:
                found.append(line)
                left &= ~taller(taller(line.pixels))
    return found


def taller(mask: Mask) -> Mask:
    """Return `mask` with the pixels above and below it."""
    result = mask.copy()
    result[1:] |= mask[:-1]
    result[:-1] |= mask[1:]
    return result


def _line(
    mask: Mask, runs: tuple[Rows, Rows], crossed: Mask, path: Rows, start: int, end: int
) -> Line | None:
    """Return the line along `path`, the row in each column, once it has been straightened."""
    height, width = mask.shape
    every = np.arange(width)
    for _ in range(2):
        columns, first, last = _ink_along(mask, runs, path, start, end)
        if len(columns) < 2:
            return None
        thick = last - first
        usual = int(np.quantile(thick, 0.25))
        thin = thick <= usual + max(2, usual // 2)
        x, y = columns[thin] - columns[thin].mean(), (first + last - 1)[thin] / 2
        rise = (x * (y - y.mean())).sum() / max(1.0, float((x * x).sum()))
        straight = y.mean() + rise * (every - columns[thin].mean())
        path = np.clip(np.rint(straight).astype(np.int64), 0, height - 1)
        inside = (straight > -1) & (straight < height)
        start, end = stretch(crossed[path, every] & inside)
    columns, first, last = _ink_along(mask, runs, path, start, end)
    if end - start < LONG * width or len(columns) < 2:
        return None
    thick = last - first
    usual = int(np.quantile(thick, 0.25))
    edge = bool((first == 0).mean() > 0.5 or (last == height).mean() > 0.5)
    if usual > (FATTEST if edge else FAT) * height:
        return None
    pixels = np.zeros_like(mask)
    thin = thick <= usual + max(2, usual // 2)
    for column, a, b in zip(columns[thin], first[thin], last[thin], strict=True):
        pixels[a:b, column] = True
    band = pixels.copy()
    if edge:
        rows = slice(0, usual + 1) if (first == 0).mean() > 0.5 else slice(height - usual - 1, None)
        band[rows] |= mask[rows]
    nearly = NEARLY * width
    return Line(pixels, band, start, end, start <= nearly and end >= width - nearly, edge)


def _ink_along(
    mask: Mask, runs: tuple[Rows, Rows], path: Rows, start: int, end: int
) -> tuple[Rows, Rows, Rows]:
    """Return the columns with ink on a path or beside it, and where its vertical runs lie."""
    columns = np.arange(start, end)
    rows = path[start:end]
    for shift in (1, -1):
        beside = np.clip(path[start:end] + shift, 0, mask.shape[0] - 1)
        rows = np.where(mask[rows, columns], rows, beside)
    on = mask[rows, columns]
    rows, columns = rows[on], columns[on]
    return columns, runs[0][rows, columns], runs[1][rows, columns]


def vertical_runs(mask: Mask) -> tuple[Rows, Rows]:
    """Return where the vertical run of each pixel of ink begins, and the row after its end."""
    height = mask.shape[0]
    rows = np.arange(height)[:, None]
    before = np.where(mask, -1, rows)  # the last row without ink, so far
    top = np.maximum.accumulate(before, axis=0) + 1
    after = np.where(mask, height, rows)
    bottom = np.minimum.accumulate(after[::-1], axis=0)[::-1]
    return top, bottom


def stretch(values: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the start and the end of all True if they are MOST of that stretch, or longest_run."""
    places = np.flatnonzero(values)
    if len(places) and len(places) >= MOST * (places[-1] + 1 - places[0]):
        return int(places[0]), int(places[-1]) + 1
    return longest_run(values)


def longest_run(values: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the start and the end of the longest run of True; gaps of two are bridged."""
    bridged = values.copy()
    bridged[1:-1] |= values[:-2] & values[2:]
    bridged[1:-2] |= values[:-3] & values[3:]
    bridged[2:-1] |= values[:-3] & values[3:]
    if not bridged.any():
        return 0, 0
    edges = np.diff(np.pad(bridged, 1).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])
