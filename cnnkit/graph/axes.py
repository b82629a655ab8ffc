"""The order of the axes of a graph's images: `image_axes(graph) == (1, 2, 3)` for NCHW."""

from __future__ import annotations

from cnnkit.graph.graph import Graph
from cnnkit.graph.passes.rewriting import consumers, single_consumer

NCHW = (1, 2, 3)
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
# What may stand before the transpose: it takes pixels one by one.
PER_PIXEL = ("Cast", "Identity", "Add", "Sub", "Mul", "Div")


def image_size(graph: Graph) -> tuple[int, int, int]:
    """Return C, H, W of a graph's only input, of fixed sizes, whatever the order of its axes."""
    (images,) = graph.inputs.values()
    channels, height, width = (int(images.shape[axis]) for axis in image_axes(graph))
    return channels, height, width


def image_axes(graph: Graph) -> tuple[int, int, int]:
    """Return the axes of C, H and W of a graph's only input: (3, 1, 2) if it transposes NHWC."""
    (value,) = graph.inputs
    users = consumers(graph)
    while (node := single_consumer(graph, users, value)) is not None:
        if node.operator == "Transpose" and node.attributes["perm"] == TO_NCHW:
            return 3, 1, 2
        if node.operator not in PER_PIXEL:
            break
        value = node.outputs[0]
    return NCHW
