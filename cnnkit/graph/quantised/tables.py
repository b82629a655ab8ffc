"""Float nodes between bytes and QuantizeLinear as tables: `Tables(graph).of(node)`.

What they compute of a byte depends on nothing but the byte and its channel: the scaling of pixels,
or an activation that stands alone. So a table of 256 entries holds every result, to the bit.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.convnet import INPUT
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import drop_unused
from cnnkit.graph.reference import evaluate
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import FREE, Array, TensorType

SCALING = ("Cast", "Mul", "Add", "Sub", "Div")  # by constants
# Of numbers alone, and the same in every runtime.
ALONE = ("DequantizeLinear", "Relu", "Clip", "Identity")


class Tables:
    """The float parts of an integer graph.

    Attributes:
        inside: values that tables stand for.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.types = graph, infer_types(graph)
        self.made = {name: node for node in graph.nodes for name in node.outputs}
        self.inside = set[str]()
        made = set[str]()
        for node in graph.nodes:
            if node.operator == "QuantizeLinear":
                with suppress(InputError):  # which comes again when the node is lowered
                    self.inside.update(self._chain(node)[1])
                    made.update(node.outputs)
        for node in reversed(graph.nodes):  # what anything else takes has to be there itself
            if not {*node.outputs} & (self.inside | made):
                self.inside.difference_update(node.inputs)

    def _chain(self, node: Node) -> tuple[str, list[str]]:
        """Return the bytes that a QuantizeLinear begins with, and the values between."""
        names: list[str] = []
        name = node.inputs[0]
        while name != INPUT:
            maker = self.made.get(name)
            if maker is None or not self._is_elementwise(maker):
                raise (maker or node).refused("no kernel of integers computes it")
            names.append(name)
            data = [each for each in maker.inputs if each and each not in self.graph.tensors]
            name = data[0]
            if maker.operator == "DequantizeLinear":
                break
        return name, names

    def _is_elementwise(self, node: Node) -> bool:
        data = [name for name in node.inputs if name and name not in self.graph.tensors]
        if len(data) != 1 or node.operator not in (*SCALING, *ALONE):
            return False
        shape = self.types[node.outputs[0]].shape
        for name in node.inputs:
            constant = self.graph.tensors.get(name) if name else None
            if constant is not None and constant.size > 1:
                sizes = (1,) * (len(shape) - constant.ndim) + constant.shape
                if len(shape) != 4 or sizes != (1, shape[1], 1, 1):
                    return False
        return shape == self.types[data[0]].shape

    def of(self, node: Node) -> tuple[str, Array]:
        """Return the bytes that a QuantizeLinear begins with, and tables uint8 [C, 256].

        Of values that are no images, C is 1.
        """
        source, names = self._chain(node)
        found = self.types[source]
        if found.dtype != "uint8":
            raise node.refused(f"it begins with {found}")
        channels = int(found.shape[1]) if len(found.shape) == 4 else 1
        shape = (FREE, channels, 1, 1) if len(found.shape) == 4 else (FREE, 1)
        nodes = [self.made[name] for name in reversed(names)]
        part = drop_unused(
            Graph(
                {source: TensorType("uint8", shape)},
                (*nodes, node),
                node.outputs[:1],
                self.graph.tensors,
            )
        )
        bytes_ = np.broadcast_to(np.arange(256, dtype=np.uint8).reshape(-1, 1), (256, channels))
        feed = {source: np.ascontiguousarray(bytes_).reshape(256, *[int(s) for s in shape[1:]])}
        (result,) = evaluate(part, feed, dtype="float32").values()
        if result.dtype != np.uint8:
            raise node.refused(f"it makes {result.dtype}, not uint8")
        table: Array = np.ascontiguousarray(result.reshape(256, channels).T)
        return source, table
