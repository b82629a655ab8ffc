"""Any graph that has kernels in cnnkit's engine, as a row of `cnnkit.runtimes.native`."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import LOGITS, match
from cnnkit.graph.convnet_match import HEADS, NO_OPS, REMEDY, image_size
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.forms import SOFTMAX
from cnnkit.graph.passes.rewriting import unused_name
from cnnkit.graph.program import Program, lower, prepare
from cnnkit.graph.program.steps import Number, Place
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import FREE, TensorType, count
from cnnkit.runtimes.convnet import PROBLEM


def open_program(graph: Graph, source: object) -> _core.ProgramNetwork:
    """Open the engine that runs a graph kernel by kernel (`csrc/program/`).

    Raises:
        InputError: no kernel computes some of its nodes; all of them are named.
    """
    graph = of_bytes(prepare(with_logits(graph, source)))
    try:
        program = lower(graph, source)
    except InputError as error:
        raise InputError(error.subject, error.reason, REMEDY, error.details) from error
    return make_network(program, image_size(graph, source))


def make_network(
    program: Program, size: tuple[int, int, int], isa: str | None = None
) -> _core.ProgramNetwork:
    """Return a program that is ready to run.

    Args:
        program: what `lower` made.
        size: C, H, W of an image.
        isa: an instruction set; None is the best one.
    """
    numbers = {name: -2 - index for index, name in enumerate(program.constants)}

    def place(value: Place) -> int:
        return -1 if value is None else value if isinstance(value, int) else numbers[value]

    steps = [
        (step.kernel, pack_fields(step.numbers.values()), [*map(place, step.inputs)], step.output)
        for step in program.steps
    ]
    constants = [np.ascontiguousarray(a, np.float32).ravel() for a in program.constants.values()]
    classes = program.sizes[program.result]
    sizes, offsets = list(program.sizes), list(program.offsets)
    return _core.ProgramNetwork(
        size, classes, steps, constants, sizes, offsets, program.arena, program.result, isa
    )


def pack_fields(fields: Iterable[Number]) -> bytes:
    """Return the bytes of a kernel's structure: ints and floats of four bytes each."""
    values: list[int | float] = []
    for field in fields:
        values += field if isinstance(field, tuple) else [field]
    kinds = "".join("i" if isinstance(value, int) else "f" for value in values)
    return struct.pack(f"={kinds}", *values)


def with_logits(graph: Graph, source: object) -> Graph:
    """Return a graph whose only output is `logits`: what its outputs are computed from."""
    bases = {_before_heads(graph, name) for name in graph.outputs}
    if len(bases) != 1:
        match(graph, source, PROBLEM)  # names the node that gives it other outputs
        reason = f"has {len(bases)} outputs ({', '.join(sorted(bases))}), not one of logits"
        raise InputError(source, reason, REMEDY)
    (base,) = bases
    logits = infer_types(graph)[base]
    if len(logits.shape) < 2 or logits.shape[0] != FREE or not logits.is_float:
        raise InputError(source, f"has an output {base} of {logits}, not of N images", REMEDY)
    if base == LOGITS:
        return Graph(graph.inputs, graph.nodes, (LOGITS,), graph.tensors)
    types = infer_types(graph)
    names = {LOGITS: unused_name(f"{LOGITS}.other", types)}  # of what is called so and is not them
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
    nodes.append(Node("Identity", (base,), (LOGITS,), {}, "logits"))
    return Graph(inputs, tuple(nodes), (LOGITS,), tensors)


def _before_heads(graph: Graph, name: str) -> str:
    """Return the value that softmax, its logarithm or the label is computed from.

    Of two softmax behind one another, the first one's result is taken as logits.
    """
    softmax = False
    made = {output: node for node in graph.nodes for output in node.outputs}
    types = infer_types(graph)
    while name in made and made[name].operator in (*HEADS, *NO_OPS):
        node = made[name]
        shape = types[node.inputs[0]].shape
        if node.operator in HEADS and (
            len(shape) < 2
            or node.attributes["axis"] % len(shape) != 1
            or count(shape[2:]) != 1
            or node.attributes.get("select_last_index", 0)
        ):
            break
        if softmax and node.operator in SOFTMAX:
            break
        softmax = softmax or node.operator in SOFTMAX
        name = node.inputs[0]
    return name


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
