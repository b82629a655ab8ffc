"""Where every value lies in the C format's memory: `plan(architecture)`.

A pooled pixel is the largest of pool² sums. Pixels are stored so that each of those sums, for
all pooled pixels of a plane at once, is a loop over consecutive floats: rows and columns are dealt
out to `period` planes each, as cards to players (`period` is the product of the pools still to
come). A step of one pooled pixel is then a step of one float, for every block, and every block
writes what the next one reads. That is a loop which any C compiler turns into vectors of any
width, and it needs neither shuffles nor reductions.

Planes hold a border of zeros, which padding reads, and all have the same `pitch`. A loop runs
through a plane from its first to its last value, across the border; there `keep` puts the zeros
back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cnnkit.graph.architecture import Architecture, Block

WIDEST = 16  # floats of the widest vectors; loops are rounded up to whole vectors


@dataclass(frozen=True)
class Grid:
    """The planes that hold one feature map.

    Attributes:
        shape: (C, H, W) of the map.
        period: rows and columns are dealt out to this many planes each.
        offset: where row and column 0 lie, in pixels.
        pitch: floats from one row of a plane to the next.
        plane: floats of a plane.
        spill: floats after the last plane, which rounding up reads or writes.
    """

    shape: tuple[int, int, int]
    period: int
    offset: int
    pitch: int
    plane: int
    spill: int

    @property
    def channel(self) -> int:
        """Floats of one channel: all its planes."""
        return self.period**2 * self.plane

    def size(self, channels: int) -> int:
        """Return the floats that so many channels take."""
        return channels * self.channel + self.spill

    def reaching(self, end: int) -> Grid:
        """Return this grid with room for loops that go on to the float before `end`."""
        return replace(self, spill=max(self.spill, end - self.channel))

    def row(self, pixel: int) -> int:
        """Return where a row begins, counted from the border's first."""
        return pixel % self.period * self.period * self.plane + pixel // self.period * self.pitch

    def column(self, pixel: int) -> int:
        """Return where a column lies in its row, counted from the border's first."""
        return pixel % self.period * self.plane + pixel // self.period

    def first(self, phase: int) -> int:
        """Return the first index of a plane along one axis that holds a value of the map."""
        return -((phase - self.offset) // self.period)

    def last(self, phase: int, side: int) -> int:
        """Return the last index along an axis of `side` pixels; below `first` if there is none."""
        return (side - 1 + self.offset - phase) // self.period


@dataclass(frozen=True)
class Stage:
    """One block: it reads the planes `source` and writes the planes `target`.

    The lists have an entry for each of the target's planes, or one that serves all.

    Attributes:
        number: from 1.
        count: how many pooled pixels a loop runs through, not rounded up.
        start: the first value in a plane of the target.
        rows: where the window's rows of the source begin for that value.
        columns: where its columns lie in them.
        keep: which of `count` lanes are values, and not border.
    """

    number: int
    block: Block
    source: Grid
    target: Grid
    count: int
    start: list[int]
    rows: list[list[int]]
    columns: list[list[int]]
    keep: list[list[bool]]

    @property
    def phases(self) -> int:
        """How many planes a channel of the target has."""
        return self.target.period**2

    @property
    def positions(self) -> int:
        """How many sums a pooled pixel is the largest of."""
        return self.block.pool**2

    @property
    def window(self) -> int:
        """Rows, and columns, of the source that one pooled pixel sees."""
        return self.block.pool + self.block.kernel - 1

    def ends(self) -> tuple[int, int]:
        """Return where reading a channel of the source and writing one of the target end."""
        lanes = round_up(self.count)
        reads = max(
            max(rows) + max(columns) for rows, columns in zip(self.rows, self.columns, strict=True)
        )
        writes = max(phase * self.target.plane + begin for phase, begin in enumerate(self.start))
        return reads + lanes, writes + lanes


@dataclass(frozen=True)
class Plan:
    """All grids, the input's first and the features' last, and the stages between them."""

    grids: list[Grid]
    stages: list[Stage]


def plan(architecture: Architecture) -> Plan:
    """Lay out a network of the family."""
    shapes, blocks = architecture.feature_shapes(), architecture.blocks
    periods, offsets = [1], [0]
    for block in reversed(blocks):
        offsets.insert(0, block.padding + block.pool * offsets[0])
        periods.insert(0, block.pool * periods[0])
    rows, columns = (_extents(shapes, blocks, periods, offsets, axis) for axis in (1, 2))
    pitch = max(columns)
    grids = [
        Grid(shape, period, offset, pitch, high * pitch, 0)
        for shape, period, offset, high in zip(shapes, periods, offsets, rows, strict=True)
    ]
    for i, block in enumerate(blocks):
        reads, writes = _stage(i + 1, block, grids[i], grids[i + 1]).ends()
        grids[i] = grids[i].reaching(reads)
        grids[i + 1] = grids[i + 1].reaching(writes)
    stages = [_stage(i + 1, blocks[i], grids[i], grids[i + 1]) for i in range(len(blocks))]
    return Plan(grids, stages)


def round_up(count: int, lanes: int = WIDEST) -> int:
    """Return the next multiple of `lanes`."""
    return -(-count // lanes) * lanes


def _extents(
    shapes: list[tuple[int, int, int]],
    blocks: tuple[Block, ...],
    periods: list[int],
    offsets: list[int],
    axis: int,
) -> list[int]:
    """Return how many indices the planes of every grid have along an axis."""
    last = [
        (shape[axis] - 1 + offset) // period
        for shape, offset, period in zip(shapes, offsets, periods, strict=True)
    ]
    for i, block in enumerate(blocks):  # the window of the last pooled pixel of each phase
        for phase in range(periods[i + 1]):
            index = (shapes[i + 1][axis] - 1 + offsets[i + 1] - phase) // periods[i + 1]
            reach = block.pool * phase + block.pool + block.kernel - 2
            last[i] = max(last[i], index + reach // periods[i])
    return [index + 1 for index in last]


def _stage(number: int, block: Block, source: Grid, target: Grid) -> Stage:
    _, height, width = target.shape
    start, rows, columns, spans = [], [], [], []
    for phase in range(target.period**2):
        a, b = divmod(phase, target.period)
        top, left = target.first(a), target.first(b)
        bottom, right = target.last(a, height), target.last(b, width)
        begin = top * target.pitch + left
        start.append(begin)
        window = range(block.pool + block.kernel - 1)
        rows.append([begin + source.row(block.pool * a + u) for u in window])
        columns.append([source.column(block.pool * b + v) for v in window])
        spans.append((bottom - top + 1, right - left + 1))
    count = max((high - 1) * target.pitch + wide for high, wide in spans)
    keep = [
        [q // target.pitch < high and q % target.pitch < wide for q in range(count)]
        for high, wide in spans
    ]
    if all(lanes == keep[0] for lanes in keep):
        del keep[1:]
    return Stage(number, block, source, target, count, start, rows, columns, keep)
