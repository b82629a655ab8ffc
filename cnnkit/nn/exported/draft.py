"""The graph that is read from a torch.export program, node by node, with its values' types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.graph import Graph, Node, distinctly_named
from cnnkit.graph.shapes import infer_node
from cnnkit.graph.types import Shape, TensorType

Given = Mapping[str, Any]  # a node's arguments by the names of its schema; values are texts


OTHER_LAYERS = "use other layers in the module"  # than those that cnnkit has no operator for


def unknown(count: int) -> str:
    """Return what is wrong with a program that has so many nodes that cannot be read."""
    found = f"{count} nodes" if count > 1 else "a node"
    return f"has {found} that cnnkit's graph has no operator for"


class NotReadError(Exception):
    """A node is none that cnnkit can read; the message says why."""


class Draft:
    """A graph up to the node that is read at present.

    Attributes:
        types: of each value so far.
        tensors: constants by name.
        name: what the node's result is called.
        layer: the module that the node is of, for messages.
        shape: the result's, as PyTorch knows it.
        unread: results of nodes that have been refused.
        parts: all results of a node with several, by the first.
    """

    def __init__(self, inputs: Mapping[str, TensorType], tensors: Mapping[str, NDArray[Any]]):
        self.inputs, self.tensors = dict(inputs), dict(tensors)
        self.types = {**{n: TensorType.of(a) for n, a in self.tensors.items()}, **self.inputs}
        self.nodes: list[Node] = []
        self.unread: set[str] = set()
        self.parts: dict[str, list[str]] = {}
        self.name = self.layer = ""
        self.shape: Shape = ()

    def begin(self, name: str, layer: str, shape: Shape) -> None:
        """Turn to the next node, whose result gets a name that nothing has."""
        self.name, self.layer, self.shape = self.free(name), layer, shape

    def free(self, name: str) -> str:
        """Return a name that nothing has: this one, or one like it."""
        while name in self.types:
            name += "_"
        return name

    def tensor(self, hint: str, array: Any, dtype: str = "float32") -> str:
        """Add a constant of this node and return its name."""
        name = self.free(f"{self.name}.{hint}")
        self.tensors[name] = np.asarray(array, dtype)
        self.types[name] = TensorType.of(self.tensors[name])
        return name

    def constant(self, value: str) -> NDArray[Any] | None:
        """Return the elements of a value that is known before the network runs."""
        return self.tensors.get(value)

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node and return its output, the next one's input if it is not the result."""
        output = self.name if self.name not in self.types else self.free(f"{self.name}.next")
        return self.add_as(output, operator, inputs, **attributes)

    def add_as(self, output: str, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node whose output gets this name."""
        return self._add([output], operator, inputs, attributes)

    def add_parts(self, operator: str, inputs: Sequence[str], count: int, **attributes: Any) -> str:
        """Add a node with several outputs and return the first."""
        outputs = [self.name, *(self.free(f"{self.name}.{index}") for index in range(1, count))]
        self.parts[self.name] = outputs
        return self._add(outputs, operator, inputs, attributes)

    def _add(
        self,
        outputs: Sequence[str],
        operator: str,
        inputs: Sequence[str],
        attributes: Mapping[str, Any],
    ) -> str:
        if not set(inputs) <= {"", *self.types}:
            raise NotReadError("it computes with the number of images")
        node = Node(operator, tuple(inputs), tuple(outputs), attributes, self.layer or outputs[0])
        self.types.update(infer_node(node, self.types, self.tensors))
        self.nodes.append(node)
        return outputs[0]

    def skip(self, type: TensorType) -> str:
        """Take the result for made, though no node is there, so that what follows is read too."""
        self.types[self.name] = type
        self.unread.add(self.name)
        return self.name

    def finish(self, outputs: Sequence[str]) -> Graph:
        """Return the graph, without constants that no node takes."""
        used = {name for node in self.nodes for name in node.inputs} | set(outputs)
        tensors = {name: array for name, array in self.tensors.items() if name in used}
        return Graph(self.inputs, tuple(distinctly_named(self.nodes)), tuple(outputs), tensors)


def pairs(value: Any, rank: int = 2) -> tuple[int, ...]:
    """Return a number for each axis, of a list or of one number for all."""
    listed = [value] if isinstance(value, int) else list(value)
    if not all(isinstance(each, int) for each in listed):
        raise NotReadError("its sizes depend on the number of images")
    return tuple(listed * rank if len(listed) == 1 else listed)
