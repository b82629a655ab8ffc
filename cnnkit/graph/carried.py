"""Models of others that go into ONNX as they are: `carry(size, content, classes, nodes)`.

They have nodes that cnnkit has no operator for, so that their graph is one node around their bytes.
"""

from __future__ import annotations

import numpy as np

from cnnkit.errors import OperatorsError
from cnnkit.graph.convnet import INPUT, LOGITS, OUTPUTS, heads
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.types import FREE, TensorType

MODEL = "model"  # the tensor of the bytes


def carry(size: tuple[int, int, int], content: bytes, classes: int, nodes: str) -> Graph:
    """Return the graph of a classifier of raw pixels, with the contract's outputs.

    Args:
        size: C, H, W of an image.
        content: an ONNX model with the contract's input and outputs.
        classes: the number of logits.
        nodes: what cnnkit does not know in it, for messages.
    """
    whole = Node("Carried", (INPUT, MODEL), (LOGITS,), {"classes": classes, "nodes": nodes})
    images = {INPUT: TensorType("uint8", (FREE, *size))}
    return Graph(images, (whole, *heads()), OUTPUTS, {MODEL: np.frombuffer(content, np.uint8)})


def carried_nodes(graph: Graph) -> str:
    """Return what cnnkit does not know in a graph of `carry`; empty for any other graph."""
    return next((n.attributes["nodes"] for n in graph.nodes if n.operator == "Carried"), "")


def content_of(graph: Graph) -> bytes:
    """Return the ONNX model in a graph of `carry`."""
    return bytes(graph.tensors[MODEL].tobytes())


def refuse_carried(graph: Graph, source: object) -> None:
    """Raise OperatorsError for a graph of `carry`, which only ONNX Runtime computes."""
    nodes = carried_nodes(graph)
    if nodes:
        raise OperatorsError(
            source,
            f"has nodes that only ONNX Runtime computes ({nodes})",
            "run it there: cnnkit.load(path, runtime='onnxruntime'), `cnnkit predict`, or compare "
            "it with the model that it was made from by `cnnkit verify FILE --against MODEL`",
        )
