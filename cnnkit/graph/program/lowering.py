"""Graphs lowered to kernels: `lower(graph)`. Each operator's own function stands in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.convnet_match import image_size
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.fusion import fuse_convolutions
from cnnkit.graph.passes.inputs import split_input
from cnnkit.graph.passes.rewriting import drop_unused
from cnnkit.graph.program import functions, layers, movement, numbers, spreading
from cnnkit.graph.program.lowered import CHANNELS_LAST, REMEDY, Lowered
from cnnkit.graph.program.memory import Lifetime, arrange
from cnnkit.graph.program.steps import Program, Value
from cnnkit.graph.types import Array

ROWS: Mapping[str, Callable[[Lowered, Node], None]] = {
    **layers.ROWS,
    **movement.ROWS,
    **numbers.ROWS,
    **functions.ROWS,
    **spreading.ROWS,
}
FLOATS = ("float32", "float64")  # float64 only where it stands for a constant's exact value


def lower(
    graph: Graph, source: object = "the network", stored: Mapping[str, Array] | None = None
) -> Program:
    """Return a graph that has the contract as a program from raw pixels to logits.

    Args:
        graph: what `prepare` made.
        source: the file that errors shall name.
        stored: arrays to pack instead of the graph's parameters, by name.

    Raises:
        InputError: there are nodes that no kernel computes; all of them are named.
    """
    (images,) = graph.inputs
    graph = fuse_convolutions(
        drop_unused(Graph(graph.inputs, graph.nodes, (LOGITS,), graph.tensors))
    )
    pixels, rest = split_input(graph)
    channels, height, width = image_size(graph, source)
    if pixels.dtype != "uint8":
        raise InputError(source, f"takes {pixels.dtype}, not raw pixels, uint8", REMEDY)
    lowered = Lowered(rest, stored or {})
    _begin(lowered, images, (channels, height, width), (pixels.scale, pixels.shift))
    _lower_nodes(lowered, rest, source)
    result = lowered.as_order(lowered.values[LOGITS], None)
    return _program(lowered, result)


def lower_floats(graph: Graph, source: object = "the network") -> Program:
    """Return a graph of floats as a program: [N, C, H, W] in, one result of any shape out.

    Elements of both lie as in PyTorch. The program is one for `run_at`, which takes floats as they
    are; raw pixels would be scaled by 1/255.

    Args:
        graph: what `prepare` made, of one input and one output.
        source: what errors name.

    Raises:
        InputError: there are nodes that no kernel computes; all of them are named.
    """
    ((images, type),) = graph.inputs.items()
    (output,) = graph.outputs
    graph = fuse_convolutions(drop_unused(graph))
    lowered = Lowered(graph, {})
    sizes = tuple(int(size) for size in type.shape[1:])
    _begin(lowered, images, sizes, ((PIXEL_SCALE,), (0.0,)))
    _lower_nodes(lowered, graph, source)
    if output not in lowered.values or isinstance(lowered.values[output].place, str):
        raise InputError(source, f"has the result {output}, which is not computed", REMEDY)
    return _program(lowered, lowered.as_order(lowered.values[output], None))


def _begin(
    lowered: Lowered, images: str, sizes: tuple[int, ...], affine: tuple[Sequence[float], ...]
) -> None:
    """Add the step that takes an image's pixels, with their scale and shift."""
    channels, height, width = sizes
    scale, shift = (
        lowered.constant(name, np.ascontiguousarray(np.broadcast_to(part, channels)))
        for name, part in zip(
            ("scale", "shift"), (np.array(a, np.float32) for a in affine), strict=True
        )
    )
    lowered.title = "the pixels"
    value = lowered.new((channels, height, width), CHANNELS_LAST)
    fields = {"channels": channels, "area": height * width}
    lowered.call("pixels", fields, (scale, shift, None), value)
    lowered.name(images, value)


def _lower_nodes(lowered: Lowered, graph: Graph, source: object) -> None:
    """Lower all nodes; those that cannot be are told together."""
    problems: list[InputError] = []
    for node in graph.nodes:
        lowered.title = node.title.removeprefix("Fused")  # as people know the node
        try:
            if node.operator not in ROWS:
                raise node.refused("no kernel computes it", REMEDY)
            for type in (lowered.types[name] for name in node.outputs[:1]):
                if type.dtype not in FLOATS:
                    raise node.refused(f"it makes {type}, and kernels take float32", REMEDY)
            ROWS[node.operator](lowered, node)
        except InputError as error:
            problems.append(error)
            for name in node.outputs:  # so that the nodes behind it can be looked at
                lowered.name(name, lowered.new(lowered.shape(name), None))
        lowered.done(node)
    if problems:
        first = problems[0]
        others = [f"{error.subject}: {error.reason}" for error in problems[1:]]
        raise InputError(f"{source}, {first.subject}", first.reason, REMEDY, others)


def _program(lowered: Lowered, result: Value) -> Program:
    """Return the steps with their buffers in an arena."""
    last = len(lowered.steps)
    assert isinstance(result.place, int)
    spans = [[last, -1] for _ in lowered.sizes]
    for index, step in enumerate(lowered.steps):
        for buffer in step.buffers:
            spans[buffer] = [min(spans[buffer][0], index), max(spans[buffer][1], index)]
    spans[result.place][1] = last
    lifetimes = [Lifetime(size, *span) for size, span in zip(lowered.sizes, spans, strict=True)]
    offsets, arena = arrange(_used(lifetimes))
    return Program(
        tuple(lowered.steps), lowered.constants, tuple(lowered.sizes), offsets, arena, result.place
    )


def _used(lifetimes: Sequence[Lifetime]) -> list[Lifetime]:
    """Return buffers with no floats for those that no step needs."""
    return [life if life.first <= life.last else Lifetime(0, 0, 0) for life in lifetimes]
