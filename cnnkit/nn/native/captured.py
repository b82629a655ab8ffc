"""A graph that Dynamo captured, as one native program: `Captured(graph_module).answer(inputs)`.

Dynamo's guards tell that a call computes this graph, so its source need not be looked at.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, fx, nn

from cnnkit.nn import block
from cnnkit.nn.fused.direct import is_observed
from cnnkit.nn.native.facts import Facts, NotShownError
from cnnkit.nn.native.programs import Programs
from cnnkit.ops.torch_autograd import is_plain


class Captured:
    """A captured graph of one result.

    Attributes:
        programs: what computes it.
    """

    def __init__(self, graph_module: fx.GraphModule) -> None:
        self.graph = fx.GraphModule(graph_module, copy.deepcopy(graph_module.graph))
        self.sizes = _sizes(graph_module.graph)
        self.programs = Programs()

    def answer(self, inputs: tuple[Any, ...]) -> Any:
        """Return the results, in a tuple; None if PyTorch has to compute the graph.

        Args:
            inputs: those of the graph: images, [N, C, H, W], sizes of theirs, and parameters and
                buffers.
        """
        images = [i for i, t in enumerate(inputs) if type(t) is Tensor and t.ndim == 4]
        if len(images) != 1:
            return None
        (at,) = images
        x = inputs[at]
        for i, value in enumerate(inputs):
            axis = self.sizes.get(i, -1)
            if not isinstance(value, Tensor) and (axis < 0 or value != x.shape[axis]):
                return None
        if not is_plain(x) or is_observed() or block.is_observed() or x.shape[0] < 1:
            return None
        self.programs.suspected = True  # no train() or eval() tells of what weight.data wrote
        y = self.programs.answer(_Call(self, inputs, at), x)
        return None if y is None else (y,)


class _Call:
    """A call of a captured graph; an `Owner`."""

    title = "the captured graph"

    def __init__(self, captured: Captured, inputs: tuple[Any, ...], at: int) -> None:
        self.captured, self.graph = captured, captured.graph
        self.inputs, self.at = inputs, at
        self.others = tuple(t for i, t in enumerate(inputs) if i != at and isinstance(t, Tensor))

    def prove(self) -> Facts:
        """Return the tensors that the graph takes beside the images."""
        outputs = next(node for node in self.graph.graph.nodes if node.op == "output").args[0]
        if not isinstance(outputs, tuple | list) or len(outputs) != 1:
            raise NotShownError("it has several results")
        if any(not t.is_floating_point() for t in self.others):
            raise NotShownError("it takes integers")
        return Facts()

    def renew(self, facts: Facts) -> None:
        """Have the facts tell of the tensors of this call."""
        facts.tensors = self.others

    def is_in_training(self) -> bool:
        """Tell that the graph says so itself, by its operations."""
        return False

    def module(self) -> nn.Module:
        """Return a module of the images alone."""
        return _Module(self.captured, self.inputs, self.at)

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all inputs but the images."""
        return self.others

    def call(self, x: Tensor) -> Any:
        """Have PyTorch compute it."""
        (y,) = self.graph.forward(*self.inputs[: self.at], x, *self.inputs[self.at + 1 :])
        return y


class _Module(nn.Module):
    """A captured graph whose other inputs are buffers, or sizes of the images."""

    def __init__(self, captured: Captured, inputs: tuple[Any, ...], at: int) -> None:
        super().__init__()
        self.graph, self.sizes, self.at, self.count = (
            captured.graph,
            captured.sizes,
            at,
            len(inputs),
        )
        for index, value in enumerate(inputs):
            if index != at and isinstance(value, Tensor):
                self.register_buffer(f"input_{index}", value.detach())

    def forward(self, x: Tensor) -> Any:
        """Compute the graph."""
        return self.graph(*[self.given(index, x) for index in range(self.count)])[0]

    def given(self, index: int, x: Tensor) -> Any:
        """Return an input of the graph."""
        if index == self.at:
            return x
        if index in self.sizes:
            return x.shape[self.sizes[index]]
        return getattr(self, f"input_{index}")


def _sizes(graph: fx.Graph) -> dict[int, int]:
    """Return which inputs are sizes of images, by their place, and of which axis."""
    inputs = [node.meta.get("example_value") for node in graph.nodes if node.op == "placeholder"]
    axes: dict[str, int] = {}
    for value in inputs:
        if isinstance(value, Tensor) and value.ndim == 4:
            for axis in reversed(range(4)):
                axes[str(value.shape[axis])] = axis
    found = {}
    for index, value in enumerate(inputs):
        if isinstance(value, torch.SymInt) and str(value) in axes:
            found[index] = axes[str(value)]
    return found
