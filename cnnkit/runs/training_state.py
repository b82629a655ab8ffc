"""An engine's state as NumPy arrays: parameters, Adam's moments and the number of steps.

It holds everything that the next step depends on except the order of the images, which
`cnnkit.data.sampling` determines. So one engine can continue where another stopped.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import learnt, statistics

State = Mapping[str, NDArray[np.float32]]

# Keys of the state: three prefixes, each followed by a parameter's name, and the number of steps.
PARAMETERS, MEAN, SQUARE, STEP = "parameters/", "adam.mean/", "adam.square/", "adam.step"


def fresh_state(graph: Graph) -> dict[str, NDArray[np.float32]]:
    """Return the state before the first step: a graph's own parameters, Adam's moments at zero."""
    state: dict[str, NDArray[np.float32]] = {STEP: np.zeros(1, np.float32)}
    for name in learnt(graph):
        values = graph.tensors[name]
        state[PARAMETERS + name] = values
        state[MEAN + name] = np.zeros_like(values)
        state[SQUARE + name] = np.zeros_like(values)
    for name in statistics(graph):
        state[PARAMETERS + name] = graph.tensors[name]
    return state


def parameters(state: State) -> dict[str, NDArray[np.float32]]:
    """Return the parameters and running statistics in a state by their names in the network."""
    return {
        name.removeprefix(PARAMETERS): array
        for name, array in state.items()
        if name.startswith(PARAMETERS)
    }


def is_finite(state: State) -> bool:
    """Return whether a state holds neither NaN nor infinity."""
    return all(bool(np.isfinite(array).all()) for array in state.values())


def check_state(state: State, graph: Graph, path: object) -> None:
    """Raise InputError unless a state read from `path` fits the network."""
    expected = {name: array.shape for name, array in fresh_state(graph).items()}
    found = {name: array.shape for name, array in state.items() if array.dtype == np.float32}
    if found != expected or len(state) != len(expected) or not is_finite(state):
        raise InputError(
            path, "does not hold a complete training state", "start again with another --output"
        )
