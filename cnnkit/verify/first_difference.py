"""Where two networks begin to differ: `first_difference(graph, other, images)`.

Layers are matched by what they compute, not by names: a value of one graph that is a value of the
other, whatever the order of its axes, is right, and so is what only leads to right ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array

FEW = 2  # images; each value of each is kept
TOLERANCE = 1e-6  # of the largest number in a value: what rounded parameters explain in float64
ORDERS = ((0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2))


def first_difference(graph: Graph, other: Graph, images: Array, of_other: Array) -> str | None:
    """Return a sentence on the first layer of a graph that gives what the other has not.

    Args:
        graph: the one to look at, with one input.
        other: the one that it should be.
        images: what the graph takes.
        of_other: the same images as the other takes them.

    Returns:
        None if every value of the graph is one of the other's.
    """
    own, right = _values(graph, images[:FEW]), _values(other, of_other[:FEW])
    node = _first_wrong(graph, own, right)
    if node is None:
        return None
    twin = _first_wrong(other, right, own)
    value = own[node.outputs[0]]
    shape = "x".join(map(str, value.shape[1:])) or "1"
    said = f"the first layer that differs is {node.title} [{shape}]"
    if twin is None:
        return said
    against = right[twin.outputs[0]]
    if twin.title != node.title:
        said += f" ({twin.title} in the other)"
    if value.shape == against.shape:
        off, largest = float(np.abs(value - against).max()), float(np.abs(against).max())
        said += f": off by up to {off:.3g}, of values up to {largest:.3g}"
    else:
        said += f", where the other has [{'x'.join(map(str, against.shape[1:]))}]"
    details = [*_attributes(node, twin), *_tensors(graph, node, other, twin)]
    return "; ".join([said, *details])


def _values(graph: Graph, images: Array) -> dict[str, Array]:
    ((name, _),) = graph.inputs.items()
    wanted = [output for node in graph.nodes for output in node.outputs]
    return evaluate(graph, {name: images}, wanted, reproducible=False)


def _first_wrong(graph: Graph, own: Mapping[str, Array], right: Mapping[str, Array]) -> Node | None:
    """Return the first node whose result the other has not, and that leads to wrong outputs."""
    index: dict[int, list[Array]] = {}
    for value in right.values():
        index.setdefault(value.size, []).append(value)
    strange = {name for name, value in own.items() if not _is_known(value, index)}
    wrong = strange & set(graph.outputs)
    for node in reversed(graph.nodes):
        if wrong & set(node.outputs):
            wrong |= strange & set(node.inputs)
    return next((node for node in graph.nodes if wrong & set(node.outputs)), None)


def _is_known(value: Array, index: Mapping[int, list[Array]]) -> bool:
    flat = [form.reshape(-1) for form in _forms(value)]
    for other in index.get(value.size, ()):
        most = TOLERANCE * max(1e-3, float(np.abs(other).max(initial=0.0)))
        theirs = other.reshape(-1)
        with np.errstate(invalid="ignore"):
            if any(np.abs(form - theirs).max(initial=0.0) <= most for form in flat):
                return True
    return False


def _forms(value: Array) -> Iterator[Array]:
    """Yield a value in the orders of its axes that layouts have."""
    for order in ORDERS if value.ndim == 4 else ():
        yield value.transpose(order)
    if value.ndim != 4:
        yield value


def _attributes(node: Node, twin: Node) -> list[str]:
    """Return what two nodes of one operator are told to do differently."""
    if node.operator != twin.operator:
        return []
    pairs = [(key, node.attributes[key], twin.attributes.get(key)) for key in node.attributes]
    return [
        f"its {key} is {_shown(own)}, not {_shown(right)}"
        for key, own, right in pairs
        if own != right
    ]


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _tensors(graph: Graph, node: Node, other: Graph, twin: Node) -> list[str]:
    """Return which parameters of two nodes differ, and how much."""
    found = []
    for own, right in zip(node.inputs, twin.inputs, strict=False):
        if own in graph.tensors and right in other.tensors:
            a, b = graph.tensors[own], other.tensors[right]
            if a.shape != b.shape:
                found.append(f"its {own} has the shape {list(a.shape)}, not {list(b.shape)}")
            elif a.dtype.kind == "f" and not np.array_equal(a, b):
                off = float(np.abs(a.astype(np.float64) - b).max())
                found.append(f"its {own} is off by up to {off:.3g}")
            elif not np.array_equal(a, b):
                found.append(f"its {own} is {a.tolist()!s:.60}, not {b.tolist()!s:.60}")
    return found
