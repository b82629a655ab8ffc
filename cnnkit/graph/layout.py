"""Images whose channels are the last axis, as cameras and most libraries have them."""

from __future__ import annotations

from dataclasses import replace

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import consumers

NHWC = "uint8-nhwc"  # the input's name in options
PLANES = "planes"  # the value with channels first
FIRST, LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # orders of axes that bring the channels there


def channels_last(graph: Graph) -> Graph:
    """Return a graph whose only input [N, C, H, W] is [N, H, W, C] instead."""
    ((name, images),) = graph.inputs.items()
    nodes = [
        replace(node, inputs=tuple(PLANES if each == name else each for each in node.inputs))
        for node in graph.nodes
    ]
    first = Node("Transpose", (name,), (PLANES,), {"perm": FIRST}, PLANES)
    shape = tuple(images.shape[axis] for axis in LAST)
    inputs = {name: replace(images, shape=shape)}
    return Graph(inputs, (first, *nodes), graph.outputs, graph.tensors)


def channels_first(graph: Graph) -> Graph:
    """Return a graph as it was before `channels_last`; any other graph itself."""
    if len(graph.inputs) != 1:
        return graph
    ((name, images),) = graph.inputs.items()
    users = consumers(graph).get(name, [])
    node = users[0] if len(users) == 1 else None
    if node is None or node.operator != "Transpose" or node.attributes["perm"] != FIRST:
        return graph
    (value,) = node.outputs
    nodes = [
        replace(each, inputs=tuple(name if n == value else n for n in each.inputs))
        for each in graph.nodes
        if each is not node
    ]
    inputs = {name: replace(images, shape=tuple(images.shape[axis] for axis in FIRST))}
    return Graph(inputs, tuple(nodes), graph.outputs, graph.tensors)
