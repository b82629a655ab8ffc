"""The preprocessing at a graph's input, taken off it: `split_input(graph)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import consumers, drop_unused, single_consumer
from cnnkit.graph.pixels import PixelInput
from cnnkit.graph.types import FLOATS, Array, TensorType, widen

WIDE = ("float32", "float64")  # scaling rounds in these types, but cuts nothing off

Affine = tuple[Array, Array]  # scale and shift, float64 [1] or [C]
# What becomes of x * scale + shift, by operator and place of the constant.
STEPS: dict[tuple[str, int], Callable[[Affine, Array], Affine]] = {
    ("Mul", 0): lambda x, c: (x[0] * c, x[1] * c),
    ("Mul", 1): lambda x, c: (x[0] * c, x[1] * c),
    ("Div", 1): lambda x, c: (x[0] / c, x[1] / c),
    ("Add", 0): lambda x, c: (x[0], x[1] + c),
    ("Add", 1): lambda x, c: (x[0], x[1] + c),
    ("Sub", 0): lambda x, c: (-x[0], c - x[1]),
    ("Sub", 1): lambda x, c: (x[0], x[1] - c),
}


def split_input(graph: Graph) -> tuple[PixelInput, Graph]:
    """Take off a graph what scales and shifts its images, and return both.

    The graph that is left takes float32. What does something else stays in it; if that is before
    the images are float32, the graph is returned as it is.

    Args:
        graph: of one input [N, C, ...].
    """
    ((name, images),) = graph.inputs.items()
    users, value, taken = consumers(graph), name, set[str]()
    dtype, affine = images.dtype, (np.ones(1), np.zeros(1))
    while (node := single_consumer(graph, users, value)) is not None:
        found: Affine | None = None
        if node.operator == "Cast" and _keeps(dtype, node.attributes["to"]):
            dtype, found = node.attributes["to"], affine
        elif dtype in WIDE:
            found = _step(graph, node, value, images, affine)
        if found is None:
            break
        affine, value = found, node.outputs[0]
        taken.add(value)
    if dtype != "float32":
        return PixelInput(images.dtype, (1.0,)), graph
    left = [
        replace(node, inputs=tuple(name if each == value else each for each in node.inputs))
        for node in graph.nodes
        if node.outputs[0] not in taken
    ]
    rest = Graph({name: TensorType(dtype, images.shape)}, tuple(left), graph.outputs, graph.tensors)
    scale, shift = (tuple(float(number) for number in numbers) for numbers in affine)
    return PixelInput(images.dtype, scale, shift), drop_unused(rest)


def _keeps(dtype: str, to: str) -> bool:
    """Tell whether a Cast keeps numbers, but for what float32 rounds off them."""
    return to in WIDE or (
        dtype not in FLOATS and np.can_cast(dtype, to, "safe") and to != "float16"
    )


def _step(
    graph: Graph, node: Node, value: str, images: TensorType, affine: Affine
) -> Affine | None:
    """Return what a node makes of the scaled and shifted images, None if it is another node."""
    places = [place for place, name in enumerate(node.inputs) if name in graph.tensors]
    step = STEPS.get((node.operator, places[0])) if len(places) == 1 else None
    if step is None:
        return None
    array = graph.tensors[node.inputs[places[0]]]
    shape = (1,) * (len(images.shape) - array.ndim) + array.shape
    channels = shape[1] if len(shape) > 1 else 1
    if shape != (1, channels, *[1] * (len(images.shape) - 2)):
        return None
    with np.errstate(all="ignore"):
        scale, shift = np.broadcast_arrays(*step(affine, widen(array).reshape(-1)))
    return (scale, shift) if np.isfinite([scale, shift]).all() else None
