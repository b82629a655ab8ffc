"""The network of `--network package.module:factory`, torchvision or timm as a graph to train."""

from __future__ import annotations

import copy

import torch
from torch import nn

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import learnt, statistics
from cnnkit.graph.trainable import as_trainable
from cnnkit.nn.exported.program import graph_of
from cnnkit.nn.factories import make_module
from cnnkit.nn.graphs.module import GraphModule

TOLERANCE = 1e-6  # relative, in float64
EXAMPLES = 4  # images


def own_graph(spec: str, size: tuple[int, int, int], classes: int, seed: int) -> Graph:
    """Return the graph of a module that a person names, with its drawn parameters.

    The graph is what is trained. So it has to be, in training too, what the module is.

    Args:
        spec: as `cnnkit.nn.factories.make_module` takes it.
        size: C, H, W of the images.
        classes: the number of scores.
        seed: determines the parameters.

    Raises:
        InputError: there is no such module, it does not fit the images or the classes, or the graph
            would not train as it does.
        MissingError: torchvision or timm is not installed.
    """
    module = make_module(spec, size[0], classes, seed)
    graph = graph_of(module, size, spec)
    whole = as_trainable(graph, spec)
    check_parameters(module, graph, spec)
    check_training(module, graph, size, spec)
    found = GraphModule(graph).eval()(torch.zeros(2, *size)).shape[1]
    if found != classes:
        raise InputError(
            spec,
            f"gives {found} scores, and there are {classes} classes",
            f"give it a parameter num_classes, or make it give {classes}",
        )
    return whole


def check_parameters(module: nn.Module, graph: Graph, spec: str) -> None:
    """Raise InputError unless training changes the same parameters in a module and its graph."""
    mine = set(learnt(graph))
    theirs = {name for name, each in module.named_parameters() if each.requires_grad}
    takers = {name: node.title for node in graph.nodes for name in node.inputs}
    lines = [
        f"{name} ({takers.get(name, 'which nothing takes')}): "
        + ("is a parameter that training from the graph would not change")
        for name in sorted(theirs - mine)
    ] + [
        f"{name} ({takers[name]}): is not a parameter of the module, or is frozen in it"
        for name in sorted(mine - theirs)
    ]
    if lines:
        raise InputError(
            spec,
            "does not train as its graph would",
            "let every parameter be a weight or a bias of a convolution, a linear layer or a batch "
            "normalisation, and these have no others",
            lines,
        )


def check_training(module: nn.Module, graph: Graph, size: tuple[int, int, int], spec: str) -> None:
    """Raise InputError unless a module and its graph do the same in training, drops included."""
    theirs, mine = copy.deepcopy(module).double().train(), GraphModule(graph).double().train()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        images = torch.rand(EXAMPLES, *size, dtype=torch.float64)
        outputs = []
        for each in (theirs, mine):
            torch.manual_seed(1)
            outputs.append(each(images))
    same = isinstance(outputs[0], torch.Tensor) and _close(outputs[0], outputs[1])
    if not same:
        raise InputError(
            spec,
            "computes something else in training than its graph would",
            "leave out layers that work in training only, but for nn.Dropout and batch "
            "normalisation (a drop_path_rate or stochastic_depth_prob has to be 0)",
        )
    state = dict(theirs.named_buffers())
    for name in statistics(graph):
        if not _close(state[name], getattr(mine, mine.keys[name])):
            raise InputError(
                spec,
                f"follows {name} with another momentum than PyTorch's default",
                "build its batch normalisation with momentum=0.1",
            )


def _close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, TOLERANCE, TOLERANCE)
