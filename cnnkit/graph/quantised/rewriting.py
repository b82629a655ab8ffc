"""A network with its values quantised: `with_quantisation(plan, scales, means)`.

The result is what ONNX calls QDQ: each value that is to be integers goes through QuantizeLinear and
DequantizeLinear, and weights and biases are integers behind DequantizeLinear. An activation that
rounding to its range does by itself is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import drop_unused
from cnnkit.graph.quantised.form import LAYERS, Plan
from cnnkit.graph.quantised.scales import (
    Scale,
    parameters,
    rounded_bias,
    rounded_weight,
    weight_scales,
)
from cnnkit.graph.types import Array

INTEGERS = ".quantised"  # what follows a value's name in that of its integers
EXACT = ".exact"  # in that of what is rounded to them
DEQUANTISED = ".dequantised"  # in that of the numbers that an input's integers stand for


def with_quantisation(
    plan: Plan, scales: Mapping[str, Scale], means: Mapping[str, Array] | None = None
) -> Graph:
    """Return the network as QDQ.

    Args:
        plan: what is quantised.
        scales: of the values.
        means: of each channel of the values that layers take; by them biases make up for what the
            rounding of weights adds on average.
    """
    return _Quantised(plan, scales, means or {}).graph()


class _Quantised:
    """A network under construction."""

    def __init__(self, plan: Plan, scales: Mapping[str, Scale], means: Mapping[str, Array]) -> None:
        self.plan, self.scales, self.means = plan, scales, means
        self.tensors = dict(plan.graph.tensors)
        self.nodes: list[Node] = []
        self.renamed = {
            name: name + DEQUANTISED for name in plan.graph.inputs if name in plan.values
        }
        unfolded = {value for value, result in plan.folded.items() if not self._folds(result)}
        self.folded = {v: r for v, r in plan.folded.items() if v not in unfolded}

    def _folds(self, result: str) -> bool:
        """Tell whether rounding cuts off what an activation does."""
        scale = self.scales.get(result)
        return scale is not None and scale.zero == 0

    def graph(self) -> Graph:
        for name in self.renamed:
            self._quantise(name, name, name + DEQUANTISED)
        for node in self.plan.graph.nodes:
            self._add(node)
        graph = self.plan.graph
        return drop_unused(Graph(graph.inputs, tuple(self.nodes), graph.outputs, self.tensors))

    def _add(self, node: Node) -> None:
        if node.inputs and self.folded.get(node.inputs[0]) == node.outputs[0]:
            return  # its layer gives its result
        inputs = tuple(self.renamed.get(name, name) for name in node.inputs)
        names = [self.folded.get(name, name) for name in node.outputs]
        node = replace(node, inputs=inputs, outputs=tuple(names))
        if node.operator in LAYERS and self._is_quantised(node):
            node = self._with_parameters(node)
        scaled = [name for name in names if self._scale(name, node) is not None]
        made = tuple(name + EXACT if name in scaled else name for name in names)
        self.nodes.append(replace(node, outputs=made))
        for name in scaled:
            self._quantise(name, name + EXACT, name)

    def _is_quantised(self, node: Node) -> bool:
        """Tell whether a node, with its new outputs, computes with integers."""
        back = {result: value for value, result in self.folded.items()}
        return back.get(node.outputs[0], node.outputs[0]) in self.plan.nodes

    def _scale(self, name: str, node: Node) -> Scale | None:
        """Return the scale of a result; one whose activation is not left out has none of its own.

        Such a one shares the scale of what the activation gives.
        """
        if name in self.scales:
            return self.scales[name]
        result = self.plan.folded.get(name)
        kept = result is not None and name not in self.folded and self._is_quantised(node)
        return self.scales.get(result) if kept and result is not None else None

    def _quantise(self, name: str, exact: str, numbers: str) -> None:
        """Add the two nodes that make integers of numbers, and numbers of them."""
        source = name if name in self.scales else self.plan.folded[name]
        scale, first = self.scales[source], self.plan.values[source]
        constants = (f"{first}.scale", f"{first}.zero_point")
        self.tensors[constants[0]] = np.asarray(scale.scale)
        self.tensors[constants[1]] = np.asarray(scale.zero, np.uint8)
        integers = name + INTEGERS
        self.nodes += [
            Node("QuantizeLinear", (exact, *constants), (integers,), {}, integers),
            Node("DequantizeLinear", (integers, *constants), (numbers,), {}, name + DEQUANTISED),
        ]

    def _with_parameters(self, node: Node) -> Node:
        """Return a layer that takes integers behind DequantizeLinear, which are added."""
        source = next(k for k in (node.inputs[0], self._input_of(node.inputs[0])) if k in
                      self.scales)  # fmt: skip
        step = self.scales[source].scale
        weight, bias = parameters(self.plan.graph, node)
        scales = weight_scales(weight, bias, float(step))
        whole = rounded_weight(weight, scales)
        bias = bias.astype(np.float64) + self._correction(source, weight, whole, scales)
        of_bias = step * scales  # float32, as runtimes have it
        names = []
        for part, array, scale in (
            ("weight", whole, scales),
            ("bias", rounded_bias(bias, of_bias), of_bias),
        ):
            name = f"{node.outputs[0]}.{part}"
            parts = (name + INTEGERS, f"{name}.scale", f"{name}.zero_point")
            arrays = (array, scale, np.zeros(len(scale), array.dtype))
            self.tensors |= dict(zip(parts, arrays, strict=True))
            numbers = name + DEQUANTISED  # a float tensor may have the plain name
            self.nodes.append(Node("DequantizeLinear", parts, (numbers,), {"axis": 0}, numbers))
            names.append(numbers)
        return replace(node, inputs=(node.inputs[0], *names))

    def _input_of(self, dequantised: str) -> str:
        return dequantised.removesuffix(DEQUANTISED)

    def _correction(self, source: str, weight: Array, whole: Array, scales: Array) -> Array:
        """Return what rounding of the weights takes from each output on average, float64 [K]."""
        means = self.means.get(source)
        if means is None:
            return np.zeros(len(weight))
        column = scales.astype(np.float64).reshape(-1, 1)
        off = (
            weight.astype(np.float64).reshape(len(weight), -1)
            - whole.reshape(len(weight), -1) * column
        )
        per_channel = off.reshape(*weight.shape[:2], -1).sum(axis=2)  # [K, C / group]
        groups = len(means) // per_channel.shape[1]
        parts = means.reshape(groups, -1)
        rows = per_channel.reshape(groups, -1, per_channel.shape[1])
        correction: Array = np.einsum("gkc,gc->gk", rows, parts).ravel()
        return correction
