"""Any graph that has kernels in cnnkit's engine, as a row of `cnnkit.runtimes.native`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import LOGITS, match
from cnnkit.graph.convnet_match import REMEDY, image_size
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.heads import find_logits
from cnnkit.graph.passes.rewriting import unused_name
from cnnkit.graph.program import Program, lower, prepare
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import TensorType
from cnnkit.ops.program import ProgramNetwork, make_network
from cnnkit.runtimes.convnet import PROBLEM


def open_program(graph: Graph, source: object) -> ProgramNetwork:
    """Open the engine that runs a graph kernel by kernel (`csrc/program/`).

    Raises:
        InputError: no kernel computes some of its nodes; all of them are named.
    """
    return make_network(lower_network(graph, source), image_size(graph, source))


def lower_network(graph: Graph, source: object) -> Program:
    """Return the steps of that engine."""
    graph = of_bytes(prepare(with_logits(graph, source)))
    try:
        return lower(graph, source)
    except InputError as error:
        raise InputError(error.subject, error.reason, REMEDY, error.details) from error


def with_logits(graph: Graph, source: object) -> Graph:
    """Return a graph whose only output is `logits`: what its outputs are computed from."""
    try:
        graph, logits = find_logits(graph, source)
    except InputError:
        if len(graph.outputs) > 1:
            match(graph, source, PROBLEM)  # names the node that gives it other outputs
        raise
    if logits == LOGITS:
        return Graph(graph.inputs, graph.nodes, (LOGITS,), graph.tensors)
    # What is called so and is not them gets another name.
    names = {LOGITS: unused_name(f"{LOGITS}.other", infer_types(graph)), logits: LOGITS}
    nodes = [
        replace(
            node,
            inputs=tuple(names.get(name, name) for name in node.inputs),
            outputs=tuple(names.get(name, name) for name in node.outputs),
        )
        for node in graph.nodes
    ]
    inputs = {names.get(name, name): type for name, type in graph.inputs.items()}
    tensors = {names.get(name, name): array for name, array in graph.tensors.items()}
    return Graph(inputs, tuple(nodes), (LOGITS,), tensors)


def of_bytes(graph: Graph) -> Graph:
    """Return a graph of raw pixels: one that takes floats gets them from 0 to 1."""
    ((name, images),) = graph.inputs.items()
    if images.dtype != "float32":
        return graph
    types = infer_types(graph)
    raw, whole, scale = (unused_name(f"{name}.{part}", types) for part in ("raw", "cast", "scale"))
    nodes = (
        Node("Cast", (raw,), (whole,), {"to": "float32"}, "cast"),
        Node("Mul", (whole, scale), (name,), {}, "scale"),
        *graph.nodes,
    )
    tensors = {**graph.tensors, scale: np.array(PIXEL_SCALE, np.float32)}
    inputs = {raw: TensorType("uint8", images.shape)}
    return Graph(inputs, nodes, graph.outputs, tensors)
