"""The graph that the ONNX reader builds, node by node, with the types of all values so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.onnx.protobuf import Attribute
from cnnkit.formats.onnx.tensors import Unread
from cnnkit.graph.graph import Graph, Node, distinctly_named
from cnnkit.graph.shapes import infer_node
from cnnkit.graph.types import FREE, TensorType


class NodeRefusedError(Exception):
    """A node is none that cnnkit knows; the message says why."""


class BrokenNodeError(NodeRefusedError):
    """No runtime can know it."""


class Draft:
    """A graph up to the node that is read at present.

    Attributes:
        opset: the file's.
        types: of each value so far.
        tensors: what is known of them.
        sizes: those that come from shapes; integers, and FREE where it is the number of images.
        operator, name, inputs, outputs, attributes: the node's; rules take attributes out.
    """

    def __init__(
        self,
        opset: int,
        inputs: Mapping[str, TensorType],
        tensors: Mapping[str, NDArray[Any]],
        unread: Mapping[str, Unread] = MappingProxyType({}),
    ) -> None:
        self.opset, self.graph_inputs, self.unread = opset, inputs, unread
        self.tensors = dict(tensors)
        self.sizes: dict[str, NDArray[np.object_]] = {}
        self.types = {**{n: TensorType.of(array) for n, array in tensors.items()}, **inputs}
        self.nodes: list[Node] = []
        self.operator = self.name = ""
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.attributes: dict[str, Attribute] = {}

    def begin(
        self,
        operator: str,
        name: str,
        inputs: list[str],
        outputs: list[str],
        attributes: Mapping[str, Attribute],
    ) -> None:
        """Turn to the next node, having checked its names."""
        self.operator, self.name, self.inputs, self.outputs = operator, name, inputs, outputs
        self.attributes = dict(attributes)
        for value in inputs:
            if value in self.unread:
                raise NodeRefusedError(
                    f"its input {value} is a {self.unread[value].kind}, which cnnkit does not read"
                )
            if value and value not in self.types:
                raise BrokenNodeError(
                    f"its input {value} is neither a result before it nor a known constant"
                )
        for value in outputs:
            if value in self.types or not value:
                raise BrokenNodeError(f"its output {value} is made twice, or has no name")

    # What rules read

    def type_of(self, index: int) -> TensorType:
        """Return the type of an input."""
        if index >= len(self.inputs) or not self.inputs[index]:
            raise NodeRefusedError(f"it has no input {index}")
        return self.types[self.inputs[index]]

    def constant(self, index: int) -> NDArray[Any] | None:
        """Return the value of an input, None where it is left out.

        Raises:
            NodeRefusedError: it is known only when the graph runs.
        """
        if index >= len(self.inputs) or not self.inputs[index]:
            return None
        found = self.tensors.get(self.inputs[index])
        if found is None and self.inputs[index] in self.sizes:
            raise NodeRefusedError(f"its input {index} depends on the number of images")
        if found is None:
            raise NodeRefusedError(f"its input {index} is not a constant")
        return found

    def integer(self, name: str, default: int) -> int:
        """Take an integer out of the attributes."""
        value = self.attributes.pop(name, default)
        if not isinstance(value, int):
            raise NodeRefusedError(f"its attribute {name} is not an integer")
        return value

    def integers(self, name: str) -> list[int] | None:
        """Take a list of integers out of the attributes, None where there is none."""
        value = self.attributes.pop(name, None)
        if value is not None and not isinstance(value, list):
            raise NodeRefusedError(f"its attribute {name} is not a list of integers")
        return value

    def number(self, name: str) -> float | None:
        """Take a float out of the attributes, None where there is none."""
        value = self.attributes.pop(name, None)
        if value is not None and not isinstance(value, float):
            raise NodeRefusedError(f"its attribute {name} is not a float")
        return value

    def text(self, name: str, default: str) -> str:
        """Take a text out of the attributes."""
        value = self.attributes.pop(name, default)
        if not isinstance(value, str):
            raise NodeRefusedError(f"its attribute {name} is not text")
        return value

    # What rules write

    def add_tensor(self, hint: str, array: NDArray[Any]) -> str:
        """Add a constant of this node under a name that nothing has, and return it."""
        name = base = f"{self.outputs[0]}.{hint}"
        while name in self.types:
            name = f"{name}_" if len(name) < len(base) + 8 else f"{name}{len(self.types)}"
        self.tensors[name] = array
        self.types[name] = TensorType.of(array)
        return name

    def know(self, array: NDArray[Any]) -> None:
        """Take the node's output for a constant, instead of adding the node."""
        self.tensors[self.outputs[0]] = array
        self.types[self.outputs[0]] = TensorType.of(array)

    def know_sizes(self, sizes: NDArray[np.object_]) -> None:
        """Take the node's output for sizes, which are a constant if none of them is free."""
        if FREE not in sizes.ravel().tolist():
            self.know(sizes.astype(np.int64))
        self.sizes[self.outputs[0]] = sizes
        self.types[self.outputs[0]] = TensorType("int64", sizes.shape)

    def add(
        self,
        operator: str,
        inputs: Iterable[str],
        outputs: Iterable[str],
        attributes: Mapping[str, Any],
    ) -> None:
        """Add a node to the graph and infer its types."""
        node = Node(operator, tuple(inputs), tuple(outputs), attributes, self.name)
        for name in node.inputs:
            if name in self.sizes and name not in self.tensors:
                raise NodeRefusedError(f"its input {name} depends on the number of images")
        self.types.update(infer_node(node, self.types, self.tensors))
        self.nodes.append(node)

    def finish(self, outputs: tuple[str, ...]) -> Graph:
        """Return the graph, without constants that no node takes."""
        used = {name for node in self.nodes for name in node.inputs} | set(outputs)
        tensors = {name: array for name, array in self.tensors.items() if name in used}
        return Graph(self.graph_inputs, tuple(distinctly_named(self.nodes)), outputs, tensors)


def as_integers(values: Iterable[int]) -> NDArray[np.int64]:
    """Return a list of integers as ONNX's inputs have it."""
    return np.array(list(values), np.int64)
