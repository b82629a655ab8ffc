"""PyTorch's operators that take parts of a tensor, as rules of `cnnkit.nn.exported.operators`."""

from __future__ import annotations

from cnnkit.graph.types import FREE
from cnnkit.nn.exported.draft import Draft, Given, NotReadError, pairs

FAR = 2**63 - 1  # beyond any axis


def _axis(draft: Draft, given: Given) -> tuple[int, int]:
    """Return the axis that is taken apart, and its size."""
    shape = draft.types[given["input"]].shape
    axis = given.get("dim", 0) % len(shape)
    size = shape[axis]
    if size == FREE or not isinstance(size, int):
        raise NotReadError("it takes images apart")
    return axis, size


def split(draft: Draft, given: Given) -> str:
    """Read parts of the same size, or of stated ones, behind one another."""
    axis, size = _axis(draft, given)
    stated = given.get("split_sizes", given.get("split_size"))
    part = -(-size // given["chunks"]) if "chunks" in given else stated
    if isinstance(part, int):
        sizes = [min(part, size - first) for first in range(0, size, part)]
    else:
        sizes = list(pairs(part, 1))
    named = draft.tensor("split", sizes, "int64")
    return draft.add_parts("Split", [given["input"], named], len(sizes), axis=axis)


def take(draft: Draft, given: Given) -> str:
    """Read the elements from `start` to before `end`, or all others of `step`."""
    x, start, end = given["input"], given.get("start") or 0, given.get("end")
    if start == 0 and (end is None or end == FAR) and given.get("step", 1) == 1:
        return str(x)  # all of it, images too
    axis, _ = _axis(draft, given)
    return _slice(draft, given, axis, start, FAR if end is None else end)


def narrow(draft: Draft, given: Given) -> str:
    """Read some elements from `start` on."""
    axis, _ = _axis(draft, given)
    return _slice(draft, given, axis, given["start"], given["start"] + given["length"])


def _slice(draft: Draft, given: Given, axis: int, start: int, end: int) -> str:
    rows = (("starts", start), ("ends", end), ("axes", axis), ("steps", given.get("step", 1)))
    if not all(isinstance(value, int) for _, value in rows):
        raise NotReadError("it takes what depends on the number of images")
    named = [draft.tensor(name, [value], "int64") for name, value in rows]
    return draft.add("Slice", [given["input"], *named])


RULES = {
    **dict.fromkeys(("aten.split", "aten.split_with_sizes", "aten.chunk"), split),
    "aten.slice": take,
    "aten.narrow": narrow,
}
