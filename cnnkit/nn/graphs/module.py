"""Any graph as a PyTorch module: `GraphModule(graph)(images)`, to be run, trained or exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.learning import learnt, statistics
from cnnkit.graph.shapes import infer_types
from cnnkit.nn.graphs.operators import OPERATORS, STATED


def state_key(name: str) -> str:
    """Return what the module's state dict calls a tensor of the graph.

    With a prefix, since it may be called `forward`; and PyTorch forbids dots in names.
    """
    return f"tensor/{name.replace('.', '/')}"


class GraphModule(nn.Module):
    """A network whose layers are the nodes of a graph.

    Weights and biases of its layers are parameters; running means and variances, which a training
    step updates, and other constants are buffers. Names are the graph's behind
    `tensor/`, with `/` for `.`.

    Args:
        graph: any one whose operators PyTorch has.

    Raises:
        InputError: its shapes contradict each other; the node is named.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        infer_types(graph)
        self.graph = graph
        parameters = learnt(graph)
        self.keys = {name: state_key(name) for name in graph.tensors}
        if len(set(self.keys.values())) < len(self.keys):
            raise InputError("the graph", "has two tensors of one name", "rename one")
        for name, array in graph.tensors.items():
            tensor = torch.from_numpy(np.array(array))
            if name in parameters:
                self.register_parameter(self.keys[name], nn.Parameter(tensor))
            else:
                self.register_buffer(self.keys[name], tensor)

    def values(self, *inputs: Tensor, wanted: tuple[str, ...] | None = None) -> list[Tensor]:
        """Return values of the graph by name, its outputs where none are named."""
        names = self.graph.outputs if wanted is None else wanted
        known = {name: getattr(self, key) for name, key in self.keys.items()}
        known.update(zip(self.graph.inputs, inputs, strict=True))
        for node in self.graph.nodes:
            taken = self.taken(node, known)
            made = OPERATORS[node.operator](node.attributes, taken, self.training)
            for name, value in zip(node.outputs, made, strict=False):
                known[name] = self.made(name, value)
        return [known[name] for name in names]

    def taken(self, node: Node, known: Mapping[str, Tensor]) -> list[Any]:
        """Return a node's inputs; those that say shapes, axes and places as arrays."""
        stated = STATED.get(node.operator, ())
        return [
            self.graph.tensors[name]
            if index in stated and name in self.graph.tensors
            else (known[name] if name else None)
            for index, name in enumerate(node.inputs)
        ]

    def made(self, name: str, value: Tensor) -> Tensor:
        """Return what later nodes see of a value."""
        return value

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the graph's outputs; the only one alone."""
        found = self.values(*inputs)
        return found[0] if len(found) == 1 else tuple(found)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of all that training changes, by the graph's names."""
        changed = (*learnt(self.graph), *statistics(self.graph))
        return {
            name: getattr(self, self.keys[name]).detach().cpu().numpy().copy() for name in changed
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy arrays, by the graph's names, into parameters and buffers."""
        with torch.no_grad():
            for name, array in arrays.items():
                getattr(self, self.keys[name]).copy_(torch.from_numpy(np.ascontiguousarray(array)))
