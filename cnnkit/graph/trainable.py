"""A graph of scaled pixels and scores as a classifier of the contract: `as_trainable(graph)`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import (
    INPUT,
    LABEL,
    LOGITS,
    OUTPUTS,
    PROBABILITIES,
    RAW,
    SCALE,
    build,
    match,
    scaling,
)
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.normalisation import PIXELS
from cnnkit.graph.passes.rewriting import drop_unused
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import FREE, TensorType


def as_trainable(graph: Graph, subject: object) -> Graph:
    """Return a graph with raw pixels as its input, and the contract's outputs.

    A softmax at its end is left out: the contract's outputs have their own. A network of the family
    is returned as the family's.

    Args:
        graph: images float32 [N, C, H, W] in, scores float32 [N, K] out.
        subject: what errors call it.

    Raises:
        InputError: it has other inputs or outputs.
    """
    shapes = infer_types(graph)
    images, scores = list(graph.inputs.values()), [shapes[name] for name in graph.outputs]
    good = len(images) == 1 and _is_float(images[0], 4) and not graph.inputs.keys() & graph.outputs
    if not good or len(scores) != 1 or not _is_float(scores[0], 2):
        found = " and ".join(map(str, images)), " and ".join(map(str, scores))
        raise InputError(
            subject,
            f"makes {found[1]} of {found[0]}",
            "make it take images float32 [N, C, H, W] and give scores [N, classes]",
        )
    graph = _without_softmax(graph)
    ((name, _),), (logits,) = graph.inputs.items(), graph.outputs
    names = _names(graph, {name: PIXELS, logits: LOGITS})
    nodes = [
        *scaling(),
        *(
            replace(
                node,
                inputs=tuple(names.get(each, each) for each in node.inputs),
                outputs=tuple(names.get(each, each) for each in node.outputs),
            )
            for node in graph.nodes
        ),
        Node("Softmax", (LOGITS,), (PROBABILITIES,), {"axis": 1}, PROBABILITIES),
        Node("ArgMax", (LOGITS,), (LABEL,), {"axis": 1, "keepdims": 0}, LABEL),
    ]
    tensors = {names.get(n, n): array for n, array in graph.tensors.items()}
    pixels = TensorType("uint8", images[0].shape)
    whole = Graph({INPUT: pixels}, tuple(nodes), OUTPUTS, {SCALE: np.array(PIXEL_SCALE), **tensors})
    try:
        return build(*match(whole))
    except InputError:
        return whole


def _is_float(type: TensorType, rank: int) -> bool:
    return type.dtype == "float32" and len(type.shape) == rank and type.shape[0] == FREE


def _without_softmax(graph: Graph) -> Graph:
    (output,) = graph.outputs
    last = next(node for node in graph.nodes if output in node.outputs)
    if last.operator not in ("Softmax", "LogSoftmax") or last.attributes["axis"] not in (1, -1):
        return graph
    return drop_unused(Graph(graph.inputs, graph.nodes, last.inputs[:1], graph.tensors))


def _names(graph: Graph, wanted: dict[str, str]) -> dict[str, str]:
    """Return other names for some values, and for those that have the contract's by chance."""
    names = dict(wanted)
    made = [name for node in graph.nodes for name in node.outputs]
    known = {*graph.inputs, *graph.tensors, *made}
    for name in {INPUT, RAW, PIXELS, SCALE, *OUTPUTS} & known - wanted.keys():
        names[name] = f"{name}.value"
        while names[name] in known:
            names[name] += "_"
    return names
