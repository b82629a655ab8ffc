"""A graph that Dynamo captured, as one native program: `Captured(graph_module).answer(inputs)`.

Dynamo's guards tell that a call computes this graph, so its source need not be looked at.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, fx, nn

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
        self.programs = Programs()

    def answer(self, inputs: tuple[Any, ...]) -> Any:
        """Return the results, in a tuple; None if PyTorch has to compute the graph.

        Args:
            inputs: those of the graph: images, [N, C, H, W], and parameters and buffers.
        """
        images = [i for i, t in enumerate(inputs) if type(t) is Tensor and t.ndim == 4]
        if len(images) != 1 or not all(isinstance(t, Tensor) for t in inputs):
            return None
        (at,) = images
        x = inputs[at]
        if not is_plain(x) or is_observed() or x.shape[0] < 1:
            return None
        y = self.programs.answer(_Call(self.graph, inputs, at), x)
        return None if y is None else (y,)


class _Call:
    """A call of a captured graph; an `Owner`."""

    title = "the captured graph"

    def __init__(self, graph: fx.GraphModule, inputs: tuple[Any, ...], at: int) -> None:
        self.graph, self.inputs, self.at = graph, inputs, at
        self.others = tuple(t for i, t in enumerate(inputs) if i != at)

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
        return _Module(self.graph, self.others, self.at)

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all inputs but the images."""
        return self.others

    def call(self, x: Tensor) -> Any:
        """Have PyTorch compute it."""
        (y,) = self.graph.forward(*self.inputs[: self.at], x, *self.inputs[self.at + 1 :])
        return y


class _Module(nn.Module):
    """A captured graph whose other inputs are buffers."""

    def __init__(self, graph: fx.GraphModule, tensors: tuple[Tensor, ...], at: int) -> None:
        super().__init__()
        self.graph, self.at, self.count = graph, at, len(tensors)
        for index, tensor in enumerate(tensors):
            self.register_buffer(f"input_{index}", tensor.detach())

    def forward(self, x: Tensor) -> Any:
        """Compute the graph."""
        given = [getattr(self, f"input_{index}") for index in range(self.count)]
        return self.graph(*given[: self.at], x, *given[self.at :])[0]
