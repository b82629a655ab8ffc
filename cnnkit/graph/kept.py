"""Results that are needed again soon: `Kept[Array](1).of(key_of(graph, images), compute)`.

A file is written and then proven in one process, for which the same is computed twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from cnnkit.graph.graph import Graph
from cnnkit.graph.identity import sha256
from cnnkit.graph.types import Array

Result = TypeVar("Result")


class Kept(Generic[Result]):
    """The last results of a function of values that nobody changes, by keys.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.results: dict[str, Result] = {}

    def of(self, key: str, compute: Callable[[], Result]) -> Result:
        """Return the result that is kept, or compute it and keep it."""
        if key not in self.results:
            found = compute()
            while len(self.results) >= self.most:
                del self.results[next(iter(self.results))]
            self.results[key] = found
        return self.results[key]


def key_of(graph: Graph, *arrays: Array) -> str:
    """Return a key of a graph, its tensors, and arrays."""
    state = hashlib.sha256(sha256(graph).encode())
    for array in arrays:
        state.update(f"{array.dtype} {array.shape}".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()
