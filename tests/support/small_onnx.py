"""Small ONNX files as other tools write them: `save(path, nodes, {"x": (1, ["N", 6])}, ["y"])`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper
from onnx.helper import make_node as node

__all__ = ["node", "save", "save_pooled"]


def save(
    path: Path,
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, tuple[int, Sequence[int | str] | None]],
    outputs: Sequence[str],
    tensors: Mapping[str, Any] | None = None,
    opset: int = 17,
    ir_version: int = 8,
) -> Path:
    """Write a model; inputs have TensorProto's number of their type, and their sizes."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, *stated) for name, stated in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in (tensors or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, ir_version=ir_version, opset_imports=opsets)
    inferred = onnx.shape_inference.infer_shapes(model)
    del model.graph.output[:]
    model.graph.output.extend(inferred.graph.output)
    for value in model.graph.output:  # what is no operator of ONNX has no type
        if value.type.WhichOneof("value") is None:
            value.type.tensor_type.elem_type = 1
    onnx.save(model, path)
    return path


def save_pooled(path: Path, opset: int = 18, noop: int = 0, **model: Any) -> Path:
    """Write convolution, ReLU and an average over all pixels, as PyTorch's exporter does."""
    random = np.random.default_rng(0)
    return save(
        path,
        [
            node("Conv", ["x", "w"], ["c"]),
            node("Relu", ["c"], ["r"]),
            node("ReduceMean", ["r", "axes"], ["y"], keepdims=0, noop_with_empty_axes=noop),
        ],
        model.pop("inputs", {"x": (1, ["N", 1, 9, 9])}),
        ["y"],
        {"w": random.normal(size=(2, 1, 3, 3)).astype(np.float32), "axes": np.array([2, 3])},
        opset,
        **model,
    )
