"""A whole model of others as one node, which ONNX Runtime alone computes: `Carried`."""

from __future__ import annotations

from cnnkit.graph.operators.base import (
    Arrays,
    Attributes,
    Constants,
    Einsum,
    NodeError,
    Operator,
    Types,
    given,
    need,
    tensor,
)
from cnnkit.graph.types import Array, TensorType

DOMAIN = "cnnkit"
REMEDY = "run it in ONNX Runtime: of a file, runtime='onnxruntime' in Python"


def infer_carried(attributes: Attributes, types: Types, constants: Constants) -> list[TensorType]:
    """Logits [N, K] of images [N, C, H, W] and a model's bytes."""
    images, model = given(types, 0), given(types, 1)
    need(len(images.shape) == 4 and len(model.shape) == 1, "takes images and a model's bytes")
    return [tensor("float32", (images.shape[0], attributes["classes"]))]


def evaluate_carried(attributes: Attributes, inputs: Arrays, einsum: Einsum) -> list[Array]:
    """Nothing: raise NodeError."""
    raise NodeError(f"cnnkit does not know {attributes['nodes']}", REMEDY)


OPERATORS = {
    "Carried": Operator(
        {"classes": int, "nodes": str}, infer_carried, evaluate_carried, (2, 2), domain=DOMAIN
    )
}
