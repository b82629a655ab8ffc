"""A graph as an ONNX model, for runtimes that shall agree with the reference."""

from __future__ import annotations

import onnx

from cnnkit.formats.onnx.model import to_model
from cnnkit.graph.graph import Graph


def to_onnx(graph: Graph, opset: int = 21) -> onnx.ModelProto:
    return to_model(graph, opset)
