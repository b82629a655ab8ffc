"""Whether modules and tensors are as they were: `states_of(tensors)`, `is_unchanged(known, f)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from cnnkit import _core
from cnnkit.ops.torch_plain import API

Record = tuple[tuple[Any, ...], bytes]  # a dictionary's keys, and the addresses of its values


def states_of(tensors: tuple[Tensor, ...]) -> bytes:
    """Return what tells tensors from themselves changed; empty if that cannot be told."""
    return _core.tensor_states(tensors) if API is not None else b""


def digest_of(tensors: tuple[Tensor, ...]) -> int:
    """Return a number that tells the elements of dense tensors from others."""
    return _core.tensor_digest(tensors)


def is_unchanged(
    known: list[tuple[Any, type, list[Record]]], is_known: Callable[[Any], bool]
) -> bool:
    """Tell whether objects hold the same by the same names.

    Args:
        known: of each object a weak reference, the type, and records of its `__dict__` and of the
            dictionaries in that.
        is_known: whether a module may be called by a function, its `_compiled_call_impl`.
    """
    return _core.is_unchanged(known, is_known)
