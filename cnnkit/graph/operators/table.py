"""The operators of graphs, by ONNX's names and as of its newest opset: `OPERATORS["Conv"]`."""

from __future__ import annotations

from cnnkit.graph.operators import (
    activations,
    carried,
    convolution,
    dense,
    elementwise,
    functions,
    fused,
    normalisation,
    pooling,
    quantised,
    rearranging,
    reduction,
    resizing,
    shaping,
    slicing,
)
from cnnkit.graph.operators.base import Operator

OPERATORS: dict[str, Operator] = {
    **convolution.OPERATORS,
    **pooling.OPERATORS,
    **elementwise.OPERATORS,
    **activations.OPERATORS,
    **functions.OPERATORS,
    **shaping.OPERATORS,
    **slicing.OPERATORS,
    **rearranging.OPERATORS,
    **resizing.OPERATORS,
    **normalisation.OPERATORS,
    **dense.OPERATORS,
    **reduction.OPERATORS,
    **fused.OPERATORS,
    **quantised.OPERATORS,
    **carried.OPERATORS,
}
