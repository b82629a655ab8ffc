"""The operators of graphs, by ONNX's names and as of its newest opset: `OPERATORS["Conv"]`."""

from __future__ import annotations

from cnnkit.graph.operators import (
    activations,
    carried,
    convolution,
    dense,
    elementwise,
    fused,
    pooling,
    quantised,
    reduction,
    shaping,
    slicing,
)
from cnnkit.graph.operators.base import Operator

OPERATORS: dict[str, Operator] = {
    **convolution.OPERATORS,
    **pooling.OPERATORS,
    **elementwise.OPERATORS,
    **activations.OPERATORS,
    **shaping.OPERATORS,
    **slicing.OPERATORS,
    **dense.OPERATORS,
    **reduction.OPERATORS,
    **fused.OPERATORS,
    **quantised.OPERATORS,
    **carried.OPERATORS,
}
