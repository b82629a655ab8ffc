"""How parameters may be taken the wrong way; each function yields the trials of one mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np

from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.learning import STATISTICS, learnt, statistics
from cnnkit.graph.reference import evaluate
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import Array
from cnnkit.verify.case import Case, Trial

MOST_BATCH = 256  # images whose statistics are computed in one batch


def permuted_labels(case: Case) -> Iterator[Trial]:
    """Try the order of the classes in which the logits fit best."""
    error = np.abs(case.logits[:, :, None] - case.found[:, None, :]).max(axis=0)
    order = error.argmin(axis=0)
    moved = [index for index, other in enumerate(order) if index != other]
    if moved and len(set(order.tolist())) == len(order):
        names = case.weights.names
        shown = [f"{names[at]} where the other has {names[order[at]]}" for at in moved[:4]]
        more = f" and {len(moved) - 4} more" if len(moved) > 4 else ""
        yield ", ".join(shown) + more, lambda count: case.logits[:count, order]


def transposed_tensors(case: Case) -> Iterator[Trial]:
    """Try each weight in another order of its axes, as other libraries store it."""
    for name in learnt(case.graph):
        weight = case.graph.tensors[name]
        for way, changed in _layouts(weight):
            yield f"{name} ({way})", _trial(case, {name: changed})


def _layouts(weight: Array) -> Iterator[tuple[str, Array]]:
    if weight.ndim == 2:
        yield "transposed", _as_stored(weight, (1, 0))
        yield "transposed", weight.reshape(weight.shape[::-1]).T
    if weight.ndim != 4:
        return
    yield "OHWI read as OIHW", _as_stored(weight, (0, 2, 3, 1))
    yield "HWIO read as OIHW", _as_stored(weight, (2, 3, 1, 0))
    out, into, height, width = weight.shape
    if out == into:
        yield "inputs and outputs are exchanged", weight.transpose(1, 0, 2, 3)
    if height == width > 1:
        yield "rows and columns are exchanged", weight.transpose(0, 1, 3, 2)
    if height * width > 1:
        yield "the kernel is turned by 180 degrees", weight[:, :, ::-1, ::-1]


def _as_stored(weight: Array, axes: tuple[int, ...]) -> Array:
    """Return what a reader sees of bytes in another order of the axes."""
    return np.ascontiguousarray(weight.transpose(axes)).reshape(weight.shape)


def flattened_otherwise(case: Case) -> Iterator[Trial]:
    """Try the columns of a dense layer behind [C, H, W] as of [H, W, C], and the reverse."""
    types = infer_types(case.graph)
    made = {name: node for node in case.graph.nodes for name in node.outputs}
    for node in case.graph.nodes:
        source = made.get(node.inputs[0]) if node.operator in ("Gemm", "MatMul") else None
        if source is None or source.operator not in ("Flatten", "Reshape"):
            continue
        shape, name = types[source.inputs[0]].shape[1:], node.inputs[1]
        weight = case.graph.tensors.get(name)
        if weight is None or len(shape) != 3 or not all(isinstance(size, int) for size in shape):
            continue
        sizes = tuple(int(size) for size in shape)
        order = np.arange(int(np.prod(sizes))).reshape(sizes).transpose(1, 2, 0).ravel()
        axis = 1 if node.attributes.get("transB") else 0
        if len(order) == weight.shape[axis]:
            for way, rows in (("HWC", order), ("CHW for HWC", np.argsort(order))):
                changed = np.take(weight, rows, axis=axis)
                yield f"before {node.title}, {way}", _trial(case, {name: changed})


def swapped_tensors(case: Case) -> Iterator[Trial]:
    """Try layers with each other's parameters, then single tensors with those of another layer."""
    graph = case.graph
    known = {*learnt(graph)}
    layers = [(node, _parameters(graph, node)) for node in graph.nodes if known & {*node.inputs}]
    for (a, first), (b, second) in combinations(layers, 2):
        if a.operator == b.operator and _shapes(graph, first) == _shapes(graph, second):
            both = dict(zip((*first, *second), (*second, *first), strict=True))
            changed = {name: graph.tensors[other] for name, other in both.items()}
            yield f"{a.title} and {b.title} are exchanged", _trial(case, changed)
    names = (*learnt(graph), *statistics(graph))
    for one, other in combinations(names, 2):
        x, y = graph.tensors[one], graph.tensors[other]
        if x.shape == y.shape:
            yield f"{one} and {other} are exchanged", _trial(case, {one: y, other: x})
            yield f"{one} is {other}", _trial(case, {one: y})
            yield f"{other} is {one}", _trial(case, {other: x})


def _parameters(graph: Graph, node: Node) -> tuple[str, ...]:
    return tuple(name for name in node.inputs[1:] if name in graph.tensors)


def _shapes(graph: Graph, names: tuple[str, ...]) -> list[tuple[int, ...]]:
    return [graph.tensors[name].shape for name in names]


def batch_statistics(case: Case) -> Iterator[Trial]:
    """Try the statistics of the batch, as in training, and those before any training."""
    norms = [node for node in case.graph.nodes if node.operator in STATISTICS]
    if not norms:
        return
    untrained: dict[str, Array] = {}
    for node in norms:
        mean, variance = (case.graph.tensors.get(node.inputs[index]) for index in (3, 4))
        if mean is not None and variance is not None:
            untrained |= {node.inputs[3]: np.zeros_like(mean)}
            untrained |= {node.inputs[4]: np.ones_like(variance)}
    yield "its running mean is 0 and its variance 1, as before training", _trial(case, untrained)
    if 1 < len(case.images) <= MOST_BATCH:
        whole = partial(_of_batch, case)
        yield "it uses the statistics of the batch, as in training", whole


def _of_batch(case: Case, count: int) -> Array:
    graph = _with_batch_statistics(case.graph)
    found = evaluate(graph, {INPUT: case.images}, [LOGITS], reproducible=False)
    return found[LOGITS][:count]


def _with_batch_statistics(graph: Graph) -> Graph:
    nodes: list[Node] = []
    tensors = dict(graph.tensors)
    for node in graph.nodes:
        if node.operator not in STATISTICS:
            nodes.append(node)
            continue
        x, at = node.inputs[0], f"batch statistics {len(nodes)}"
        axes, mean, centre, off, square, variance = (f"{at} {index}" for index in range(6))
        rank = len(infer_types(graph)[x].shape)
        tensors[axes] = np.array([axis for axis in range(rank) if axis != 1], np.int64)
        nodes += [
            Node("ReduceMean", (x, axes), (mean,), {"keepdims": 0}),
            Node("ReduceMean", (x, axes), (centre,), {"keepdims": 1}),
            Node("Sub", (x, centre), (off,)),
            Node("Mul", (off, off), (square,)),
            Node("ReduceMean", (square, axes), (variance,), {"keepdims": 0}),
            replace(node, inputs=(*node.inputs[:3], mean, variance)),
        ]
    return Graph(graph.inputs, tuple(nodes), graph.outputs, tensors)


def _trial(case: Case, tensors: Mapping[str, Array]) -> Callable[[int], Array]:
    return lambda count: case.with_tensors(tensors, count)
