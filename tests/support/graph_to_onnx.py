"""A graph as an ONNX model, for runtimes that shall agree with the reference."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import TensorType


def to_onnx(graph: Graph, opset: int = 21) -> onnx.ModelProto:
    types = infer_types(graph)
    model = helper.make_model(
        helper.make_graph(
            [_node(node) for node in graph.nodes],
            "graph",
            [_value(name, type) for name, type in graph.inputs.items()],
            [_value(name, types[name]) for name in graph.outputs],
            [
                numpy_helper.from_array(
                    # a float64 scalar takes its partner's type
                    array.astype("f4") if TensorType.of(array).dtype == "float64" else array,
                    name,
                )
                for name, array in graph.tensors.items()
            ],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=10,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _node(node: Node) -> onnx.NodeProto:
    assert not node.domain, "cnnkit's own operators are not ONNX"
    attributes = {name: v for name, v in node.attributes.items() if v != ()}
    if node.operator == "Cast":
        attributes["to"] = helper.np_dtype_to_tensor_dtype(np.dtype(node.attributes["to"]))
    return helper.make_node(node.operator, node.inputs, node.outputs, node.name, **attributes)


def _value(name: str, type: TensorType) -> onnx.ValueInfoProto:
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(type.dtype))
    return helper.make_tensor_value_info(name, dtype, type.shape)
