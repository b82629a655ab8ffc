"""FusedConv: max_pool(activation(conv(x, w) + bias + residual)), what the fusion pass makes.

Name and inputs (X, W, B, Z) are those of ONNX Runtime's com.microsoft.FusedConv, which has no pool;
the attributes are Conv's, and those of MaxPool with `pool_` before them.
"""

from __future__ import annotations

import numpy as np

from cnnkit.graph.operators.base import (
    Arrays,
    Attributes,
    Constants,
    Einsum,
    Operator,
    Types,
    at,
    floating,
    need,
)
from cnnkit.graph.operators.convolution import OPERATORS as CONVOLUTIONS
from cnnkit.graph.operators.convolution import evaluate_conv, infer_conv
from cnnkit.graph.operators.pooling import infer_pool, max_pool
from cnnkit.graph.operators.windows import Window
from cnnkit.graph.types import Array, TensorType

DOMAIN = "cnnkit"
ACTIVATIONS = ("", "Relu", "Clip")
POOL = "pool_"  # pool_kernel_shape is () where there is no pool


def pool_of(attributes: Attributes) -> dict[str, object]:
    """Return MaxPool's attributes of a node with a pool."""
    return {name.removeprefix(POOL): v for name, v in attributes.items() if name.startswith(POOL)}


def infer_fused(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Return the type of the convolution, or of the pool after it."""
    found = infer_conv(attributes, types[:3], constants[:3])
    if len(types) > 3 and types[3] is not None:
        residual = floating(types, 3)
        need(residual == found[0], f"its residual is {residual}, and its convolution {found[0]}")
    activation = attributes["activation"]
    need(activation in ACTIVATIONS, f"its activation {activation!r} is neither Relu nor Clip")
    if not attributes["pool_kernel_shape"]:
        return found
    return infer_pool(pool_of(attributes), found, [None])


def evaluate_fused(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Do one after another what the operators do of which it is made."""
    (y,) = evaluate_conv(attributes, inputs[:3], einsum)
    if len(inputs) > 3 and inputs[3] is not None:
        y = y + at(inputs, 3)
    if attributes["activation"] == "Relu":
        y = np.maximum(y, 0)
    if attributes["activation"] == "Clip":
        y = np.minimum(np.maximum(y, attributes["clip_min"]), attributes["clip_max"])
    pool = bool(attributes["pool_kernel_shape"])
    return [max_pool(y, Window.of(pool_of(attributes))) if pool else y]


OPERATORS = {
    "FusedConv": Operator(
        {
            **CONVOLUTIONS["Conv"].defaults,
            "activation": "",
            "clip_min": 0.0,
            "clip_max": 0.0,
            "pool_kernel_shape": (),
            "pool_strides": (1, 1),
            "pool_pads": (0, 0, 0, 0),
            "pool_dilations": (1, 1),
            "pool_ceil_mode": 0,
        },
        infer_fused,
        evaluate_fused,
        (2, 4),
        domain=DOMAIN,
    )
}
