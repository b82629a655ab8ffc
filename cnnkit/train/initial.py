"""Where a training starts: drawn parameters, or those of another network (`--weights`)."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.identity import to_json
from cnnkit.graph.learning import for_inference, learnt, statistics
from cnnkit.graph.weights import Weights
from cnnkit.runs.find import find_weights
from cnnkit.runs.training_state import PARAMETERS, State, fresh_state

OPTION = "--weights"


def initial_state(graph: Graph, weights: Path | None, console: Console) -> State:
    """Return the state before the first step; Adam begins anew in either case.

    Args:
        graph: the network to train, with drawn parameters.
        weights: a run folder or a weights file to take the parameters from.
        console: where to say that the last layer's were not taken.

    Raises:
        InputError: the weights are damaged, or of another network.
        StorageError: they cannot be read.
    """
    state = fresh_state(graph)
    if weights is None:
        return state
    file = find_weights(weights)
    known = read_weights(file)
    last = _last_layer(graph)
    if _shapes(known.graph, last) != _shapes(for_inference(graph), last):
        raise InputError(
            OPTION,
            f"is {file} of another network than the one that is to be trained",
            f"train the same network{_options(known)}, on images of {_size(known)}",
        )
    classes = Weights(graph).classes
    same = known.classes == classes
    taken = {
        PARAMETERS + name: known.graph.tensors[name]
        for name in (*learnt(graph), *statistics(graph))
        if same or name not in last
    }
    if not same:
        console.print(
            f"note: {file} knows {known.classes} classes, not {classes}: all layers but the last "
            "start from it",
            soft_wrap=True,
        )
    return {**state, **taken}


def _last_layer(graph: Graph) -> set[str]:
    """Return the parameters of the last layer on the way to the logits that has any."""
    made, trained = {name: node for node in graph.nodes for name in node.outputs}, learnt(graph)
    node = made.get(LOGITS)
    while node is not None and not set(trained) & set(node.inputs):
        node = made.get(node.inputs[0])
    return set(node.inputs[1:]) if node is not None else set()


def _size(network: Weights) -> str:
    return "x".join(map(str, network.size))


def _options(network: Weights) -> str:
    """Return the options that describe a network of the family."""
    try:
        blocks = network.architecture.blocks
    except InputError:
        return ", which has a --network of its own"
    channels = ",".join(str(block.channels) for block in blocks)
    return f" with --channels {channels} --kernel {blocks[0].kernel} --pool {blocks[0].pool}"


def _shapes(graph: Graph, but: set[str]) -> tuple[object, ...]:
    """Return a graph as JSON values, without the sizes of some tensors."""
    described = to_json(graph)
    tensors = {name: kind for name, kind in described["tensors"].items() if name not in but}
    return described["inputs"], described["nodes"], tensors
