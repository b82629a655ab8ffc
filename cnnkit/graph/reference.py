"""What a graph computes, in float64 and NumPy: `evaluate(graph, {"x": images})["logits"]`.

It is the oracle for every other executor, so it is plain: one operator after another, each as its
definition says. Integers stay integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph
from cnnkit.graph.operators import blas
from cnnkit.graph.operators.base import Einsum
from cnnkit.graph.operators.table import OPERATORS
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import FREE, Array, TensorType, fits, narrow, widen


def evaluate(
    graph: Graph,
    inputs: Mapping[str, Array],
    wanted: Sequence[str] | None = None,
    *,
    reproducible: bool = True,
    dtype: str = "float64",
    rough: bool = False,
) -> dict[str, Array]:
    """Return values by name, floating-point ones as float64.

    Args:
        graph: the network.
        inputs: an array for each input; floating-point ones may be wider than they are declared.
        wanted: names of any values in the graph; its outputs where none are named.
        reproducible: sum in NumPy's own order, the same on each processor. False leaves products to
            BLAS, which is twenty times as fast and rounds otherwise on other processors.
        dtype: "float32" rounds every result to float32, which shows how much that loses.
        rough: compute means as carelessly as runtimes do, which in float32 loses more.

    Raises:
        InputError: an input does not fit, or the graph's shapes do not.
    """
    infer_types(graph)
    _check_inputs(graph, inputs)
    names = graph.outputs if wanted is None else wanted
    known = {name: _rounded(widen(array), dtype) for name, array in graph.tensors.items()}
    values = {name: _rounded(widen(array), dtype) for name, array in inputs.items()}
    last = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    einsum: Einsum = partial(np.einsum, optimize=False) if reproducible else blas.einsum
    for i, node in enumerate(graph.nodes):
        arrays = [_value(known, values, name) if name else None for name in node.inputs]
        with np.errstate(all="ignore"):  # infinities and NaN are results like any other
            row = OPERATORS[node.operator]
            compute = (row.rough if rough else None) or row.evaluate
            results = compute(node.attributes, arrays, einsum)
        results = [_rounded(array, dtype) for array in results]
        values.update(zip(node.outputs, results, strict=False))
        for name in {*node.inputs, *node.outputs} & values.keys():
            if last.get(name, i) == i and name not in names:
                del values[name]
    return {name: _value(known, values, name) for name in names}


def _rounded(array: Array, dtype: str) -> Array:
    if array.dtype.kind != "f" or dtype == "float64":
        return array
    return narrow(array, dtype)


def _value(known: Mapping[str, Array], values: Mapping[str, Array], name: str) -> Array:
    if name in values:
        return values[name]
    if name in known:
        return known[name]
    raise InputError(f"value {name}", "is not in the graph", "name a node's output")


def _check_inputs(graph: Graph, inputs: Mapping[str, Array]) -> None:
    batches = set()
    known = ", ".join(graph.inputs)
    for name in sorted(inputs.keys() | graph.inputs.keys()):
        if name not in inputs:
            raise InputError(f"input {name}", "is missing", f"give an array for each of {known}")
        if name not in graph.inputs:
            raise InputError(f"input {name}", "is not one of the graph's", f"give only {known}")
        if not isinstance(inputs[name], np.ndarray | np.generic):
            kind = type(inputs[name]).__name__
            raise InputError(f"input {name}", f"is a {kind}", "give a NumPy array")
        expected, found = graph.inputs[name], TensorType.of(inputs[name])
        images = fits(expected.shape, inputs[name].shape)
        same = found.dtype == expected.dtype or (found.is_float and expected.is_float)
        if images is None or not same:
            raise InputError(f"input {name}", f"is {found}, not {expected}", "give what it takes")
        if FREE in expected.shape:
            batches.add(images)
    if len(batches) > 1:
        raise InputError("the inputs", f"hold {sorted(batches)} images", "give as many to each")
