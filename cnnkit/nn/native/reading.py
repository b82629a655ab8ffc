"""A part of a model as a program of the native engine: `read(part, (3, 32, 32)).program(part)`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.program import Program, lower_floats, prepare
from cnnkit.graph.types import Array, TensorType
from cnnkit.nn.exported.program import export_images, graph_of_program
from cnnkit.nn.fused.conv import stop_waiting
from cnnkit.nn.native.facts import NotShownError
from cnnkit.ops.program import ProgramNetwork, make_network


@dataclass(frozen=True)
class Reading:
    """What a part computes, without its tensors, which may change.

    Attributes:
        inputs, nodes, outputs: of the graph.
        constants: its tensors that are no parameters or buffers of the part.
        names: those that are.
    """

    inputs: Mapping[str, TensorType]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Array]
    names: tuple[str, ...]

    def program(self, part: nn.Module) -> Program:
        """Return the program with the part's present tensors.

        Raises:
            InputError: no kernel computes some of its nodes.
        """
        stored: dict[str, Tensor] = dict(part.named_buffers(remove_duplicate=False))
        stored |= part.named_parameters(remove_duplicate=False)
        tensors = {name: stored[name].detach().numpy() for name in self.names}
        graph = Graph(self.inputs, self.nodes, self.outputs, {**self.constants, **tensors})
        return lower_floats(prepare(graph), type(part).__name__)


def read(part: nn.Module, size: tuple[int, ...]) -> Reading:
    """Return what a part computes for images of a size.

    Raises:
        InputError: PyTorch cannot export it, or there is no operator for some of its nodes.
        NotShownError: it has several results.
    """
    # A copy that shares the tensors: PyTorch replaces those of what it exports for a while.
    tensors = {id(t): t for t in (*part.parameters(), *part.buffers())}
    shadow = copy.deepcopy(part, dict(tensors))
    stop_waiting(shadow)
    with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices=[]):
        program = export_images(shadow, size, type(part).__name__)
        graph = graph_of_program(program, type(part).__name__)
    if len(graph.outputs) != 1:
        raise NotShownError("it has several results")
    names = tuple(name for name in graph.tensors if name in program.state_dict)
    constants = {name: a for name, a in graph.tensors.items() if name not in program.state_dict}
    return Reading(graph.inputs, graph.nodes, graph.outputs, constants, names)


def network_of(program: Program, size: tuple[int, ...]) -> ProgramNetwork:
    """Return a program that is ready to run."""
    channels, height, width = size
    return make_network(program, (channels, height, width))
