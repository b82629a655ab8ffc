"""A module with torch.autocast in its code, in float32: `with full_precision(): module(images)`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any

import torch

_LOCK = Lock()
_BLOCKS: Counter[int] = Counter()  # of each thread that is in one
_OWN: list[Any] = []  # torch.autocast's own methods, once they were replaced


@contextmanager
def full_precision() -> Iterator[None]:
    """Let torch.autocast have no effect in this thread, around and inside the block.

    Files compute in float32, whatever a module was trained in. In float64, where modules are
    compared with their graphs, PyTorch's own autocast changes nothing either.
    """
    kind: Any = torch.autocast
    thread = get_ident()
    with torch.autocast("cpu", enabled=False):
        with _LOCK:
            if not _BLOCKS.total():
                _OWN[:] = kind.__enter__, kind.__exit__
                kind.__enter__, kind.__exit__ = _enter, _leave
            _BLOCKS[thread] += 1
        try:
            yield
        finally:
            with _LOCK:
                _BLOCKS[thread] -= 1
                if not _BLOCKS.total():
                    kind.__enter__, kind.__exit__ = _OWN


def _enter(self: Any) -> Any:
    return self if _BLOCKS[get_ident()] else _OWN[0](self)


def _leave(self: Any, *error: Any) -> Any:
    return None if _BLOCKS[get_ident()] else _OWN[1](self, *error)
