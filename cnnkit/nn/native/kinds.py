"""Kinds of values in a forward method, as far as they are known before it is called."""

from __future__ import annotations

# Known before any call; modules of the part; sizes of tensors, of which one is the number of
# images; lists that the method makes; all others.
STATIC, MODULE, SIZES, LIST, OTHER = "static", "module", "sizes", "list", "other"


def joined(one: str, other: str) -> str:
    """Return the kind of what may be of either kind; empty is none."""
    if not one or not other or one == other:
        return one or other
    return SIZES if {one, other} == {STATIC, SIZES} else OTHER
