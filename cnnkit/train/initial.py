"""Where a training starts: drawn parameters, or those of another network (`--weights`)."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.architecture import Architecture
from cnnkit.runs.find import find_weights
from cnnkit.runs.training_state import PARAMETERS, State, fresh_state

OPTION = "--weights"


def initial_state(
    architecture: Architecture, seed: int, weights: Path | None, console: Console
) -> State:
    """Return the state before the first step; Adam begins anew in either case.

    Args:
        architecture: of the network to train.
        seed: of what is drawn: everything, or the last layer where the classes are others.
        weights: a run folder or a weights file to take the parameters from.
        console: where to say that the last layer's were not taken.

    Raises:
        InputError: the weights are damaged, or of another network.
        StorageError: they cannot be read.
    """
    state = fresh_state(architecture, seed)
    if weights is None:
        return state
    file = find_weights(weights)
    known = read_weights(file)
    if (known.architecture.input, known.architecture.blocks) != (
        architecture.input,
        architecture.blocks,
    ):
        raise InputError(
            OPTION,
            f"is {file} of the network {_describe(known.architecture)}, but "
            f"{_describe(architecture)} is to be trained",
            f"train it with {_options(known.architecture)} on images of its size",
        )
    same = known.architecture.classes == architecture.classes
    taken = {
        PARAMETERS + name: array
        for name, array in known.tensors.items()
        if same or not name.startswith("linear.")
    }
    if not same:
        console.print(
            f"note: {file} knows {known.architecture.classes} classes, not {architecture.classes}: "
            "all layers but the last start from it",
            markup=False,
            soft_wrap=True,
        )
    return {**state, **taken}


def _describe(network: Architecture) -> str:
    size = "x".join(map(str, network.input))
    return f"({size}; {_options(network)})"


def _options(network: Architecture) -> str:
    first = network.blocks[0]
    channels = ",".join(str(block.channels) for block in network.blocks)
    return f"--channels {channels} --kernel {first.kernel} --pool {first.pool}"
