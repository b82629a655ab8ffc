"""What passes share: who takes a value, names for values, and what nobody needs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.types import Array


def with_nodes(
    graph: Graph, nodes: Iterable[Node], tensors: Mapping[str, Array] | None = None
) -> Graph:
    """Return a graph with the same inputs and outputs, other nodes, and more or other tensors."""
    known = {**graph.tensors, **(tensors or {})}
    return Graph(graph.inputs, tuple(nodes), graph.outputs, known)


def consumers(graph: Graph) -> dict[str, list[Node]]:
    """Return the nodes that take each value, by its name; one that takes it twice, once."""
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in set(node.inputs):
            found.setdefault(name, []).append(node)
    return found


def single_consumer(graph: Graph, users: Mapping[str, list[Node]], value: str) -> Node | None:
    """Return the only node that takes a value, None if there are others or it is an output."""
    nodes = users.get(value, [])
    return nodes[0] if len(nodes) == 1 and value not in graph.outputs else None


def replace_values(graph: Graph, same: Mapping[str, str], dropped: set[str]) -> Graph:
    """Leave nodes out, and let others take the values that theirs were the same as.

    Args:
        graph: the network.
        same: the value to take, by the name of the value of a node that is left out.
        dropped: first outputs of these nodes.
    """

    def final(name: str) -> str:
        while name in same:
            name = same[name]
        return name

    return with_nodes(
        graph,
        (
            replace(node, inputs=tuple(map(final, node.inputs)))
            for node in graph.nodes
            if node.outputs[0] not in dropped
        ),
    )


def unused_name(name: str, *taken: Container[str]) -> str:
    """Return a name for a new tensor: the one that is asked for, or one like it that is free."""
    while any(name in names for names in taken):
        name += "_"
    return name


def drop_unused(graph: Graph) -> Graph:
    """Leave out nodes whose results nobody takes, and constants alike."""
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            nodes.append(node)
    tensors = {name: array for name, array in graph.tensors.items() if name in needed}
    return Graph(graph.inputs, tuple(reversed(nodes)), graph.outputs, tensors)
