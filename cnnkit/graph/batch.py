"""The number of images of a graph, freed where a file has frozen it: `free_batch(graph)`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import drop_unused, unused_name
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import FREE, Array, TensorType

REMEDY = "export it with a batch axis that is free (dynamic_shapes, or dynamic_axes)"


def frozen_batch(graph: Graph) -> int | None:
    """Return the number of images that a graph of one input is frozen at; None if it is free."""
    (images,) = graph.inputs.values()
    size = images.shape[0] if images.shape else FREE
    return size if isinstance(size, int) else None


def free_batch(graph: Graph, source: object = "the network") -> Graph:
    """Return a graph of one input whose number of images is free; itself if it is so already.

    Reshapes to a constant shape that begins with the frozen number keep the images instead.

    Raises:
        InputError: a node needs the number; it is named.
    """
    frozen = frozen_batch(graph)
    if frozen is None:
        return graph
    ((name, images),) = graph.inputs.items()
    tensors = dict(graph.tensors)
    nodes = tuple(_freed(node, frozen, tensors) for node in graph.nodes)
    inputs = {name: TensorType(images.dtype, (FREE, *images.shape[1:]))}
    try:
        freed = drop_unused(Graph(inputs, nodes, graph.outputs, tensors))
        types = infer_types(freed)
    except InputError as error:
        reason = f"is frozen at a batch of {frozen} by {error.subject} ({error.reason})"
        raise InputError(source, reason, REMEDY) from error
    fixed = next((out for out in graph.outputs if types[out].shape[:1] != (FREE,)), None)
    if fixed is not None:
        reason = f"is frozen at a batch of {frozen}: its output {fixed} is {types[fixed]}"
        raise InputError(source, reason, REMEDY)
    return freed


def _freed(node: Node, frozen: int, tensors: dict[str, Array]) -> Node:
    """Return a node whose constant shape keeps the number of images; its shape is in `tensors`."""
    if node.operator != "Reshape" or node.inputs[1] not in tensors:
        return node
    shape = tensors[node.inputs[1]]
    if shape.ndim != 1 or shape.size < 2 or shape[0] != frozen or node.attributes["allowzero"]:
        return node
    kept = unused_name(f"{node.inputs[1]}.free", tensors)
    tensors[kept] = np.array([0, *shape[1:]], shape.dtype)
    return replace(node, inputs=(node.inputs[0], kept))
