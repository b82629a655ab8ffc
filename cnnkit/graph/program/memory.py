"""One arena for buffers that live at different times: `arrange(lifetimes)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Lifetime(NamedTuple):
    """A buffer: its size, and the first and the last step that need it."""

    size: int
    first: int
    last: int


def arrange(
    buffers: Sequence[Lifetime], lasting_first: bool = False
) -> tuple[tuple[int, ...], int]:
    """Return where each buffer begins, and how large the arena is.

    The largest are placed first, each as low as those allow that live at the same time. That is
    within a few percent of the best order for chains and for networks with short branches. Where
    single steps have large buffers of their own, it may be better to place those last.
    """
    offsets = [0] * len(buffers)
    placed: list[int] = []

    def rank(index: int) -> tuple[bool, int, int]:
        size, first, last = buffers[index]
        return lasting_first and first == last, -size, first - last if lasting_first else first

    for index in sorted(range(len(buffers)), key=rank):
        buffer, at = buffers[index], 0
        for other in sorted(placed, key=lambda i: offsets[i]):
            if _meet(buffer, buffers[other]) and at + buffer.size > offsets[other]:
                at = max(at, offsets[other] + buffers[other].size)
        offsets[index] = at
        placed.append(index)
    ends = (offset + b.size for offset, b in zip(offsets, buffers, strict=True))
    return tuple(offsets), max(ends, default=0)


def _meet(a: Lifetime, b: Lifetime) -> bool:
    return a.first <= b.last and b.first <= a.last
