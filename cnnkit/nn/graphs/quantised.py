"""A network that computes as in 8 bits, to be trained: `QuantisedClassifier(graph, scales)`.

Values, weights and biases are rounded and clipped by the scales and with the code of the static
quantiser; gradients pass as if they were not (straight-through estimator), but not where a value
was clipped.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from cnnkit.graph.convnet import with_contract
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.quantised import plan, prepared
from cnnkit.graph.quantised.form import LAYERS
from cnnkit.graph.quantised.ranges import LEVELS
from cnnkit.graph.quantised.scales import Scale, rounded_bias, rounded_weight, weight_scales
from cnnkit.nn.graphs.classifier import GraphClassifier
from cnnkit.nn.graphs.module import GraphModule


class QuantisedClassifier(GraphClassifier):
    """Log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W], as 8 bits give them.

    Args:
        graph: a network without batch normalisation that has the contract's outputs.
        scales: of its quantised values, by name.
    """

    def __init__(self, graph: Graph, scales: Mapping[str, Scale]) -> None:
        super().__init__(graph)
        self.module = _QuantisedModule(with_contract(graph, "uint8"), scales)


class _QuantisedModule(GraphModule):
    """The nodes of a network in the form that is quantised, with rounding between them."""

    def __init__(self, graph: Graph, scales: Mapping[str, Scale]) -> None:
        self.plan = plan(prepared(graph))
        super().__init__(self.plan.graph)
        self.scales = dict(scales)
        for value, result in self.plan.folded.items():
            if value not in scales and result in scales and scales[result].zero:
                self.scales[value] = scales[result]  # its activation is not left out

    def taken(self, node: Node, known: Mapping[str, Tensor]) -> list[Tensor | None]:
        """Return a node's inputs, a layer's parameters rounded."""
        taken = super().taken(node, known)
        if node.operator not in LAYERS or node.outputs[0] not in self.plan.nodes:
            return taken
        step = self.scales[node.inputs[0]].scale
        weight, bias = taken[1], taken[2] if len(taken) > 2 else None
        assert weight is not None
        plain = weight.detach().cpu().numpy()
        shift = np.zeros(len(plain), np.float32) if bias is None else bias.detach().cpu().numpy()
        scales = weight_scales(plain, shift, float(step))
        column = scales.reshape(-1, *[1] * (plain.ndim - 1))
        taken[1] = _straight_through(weight, rounded_weight(plain, scales) * column)
        if bias is not None:
            of_bias = step * scales
            taken[2] = _straight_through(bias, rounded_bias(shift, of_bias) * of_bias)
        return taken

    def made(self, name: str, value: Tensor) -> Tensor:
        """Return a value rounded and clipped to what its integers stand for."""
        known = self.scales.get(name)
        if known is None:
            return value
        scale, zero = float(known.scale), known.zero
        inside = value.clamp(-zero * scale, (LEVELS - zero) * scale)
        with torch.no_grad():
            whole = torch.round(value / known.scale.item()).clamp(-zero, LEVELS - zero)
            off = whole * known.scale.item() - inside
        return inside + off


def _straight_through(parameter: Tensor, rounded: np.ndarray) -> Tensor:
    """Return rounded numbers whose gradient is the parameter's."""
    values = torch.from_numpy(np.ascontiguousarray(rounded, np.float32)).to(parameter.device)
    return parameter + (values - parameter).detach()
