"""A module with torch.autocast in its code, in float32: `with full_precision(): module(images)`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import torch


@contextmanager
def full_precision() -> Iterator[None]:
    """Let torch.autocast have no effect in this thread, around and inside the block.

    Files compute in float32, whatever a module was trained in. In float64, where modules are
    compared with their graphs, PyTorch's own autocast changes nothing either.
    """
    kind: Any = torch.autocast
    own, enter, leave = get_ident(), kind.__enter__, kind.__exit__

    def skip(self: Any) -> Any:
        return self if get_ident() == own else enter(self)

    def unless_skipped(self: Any, *error: Any) -> Any:
        return None if get_ident() == own else leave(self, *error)

    with torch.autocast("cpu", enabled=False):
        kind.__enter__, kind.__exit__ = skip, unless_skipped
        try:
            yield
        finally:
            kind.__enter__, kind.__exit__ = enter, leave
