"""A quantised network in cnnkit's engine, as a row of `cnnkit.runtimes.native`.

Its logits are those of `cnnkit.graph.quantised`'s oracle to the bit, on every instruction set.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import INPUT, with_contract
from cnnkit.graph.convnet_match import REMEDY, image_size
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import drop_unused, unused_name
from cnnkit.graph.program.steps import Program
from cnnkit.graph.quantised.lowering import lower_integers
from cnnkit.graph.quantised.unsigned import as_unsigned
from cnnkit.graph.reference import evaluate
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import TensorType
from cnnkit.ops.program import ByteNetwork, make_integer_network
from cnnkit.runtimes.program import with_logits

Images = NDArray[Any]


def open_integers(graph: Graph, source: object) -> IntegerEngine:
    """Open the engine that runs an integer graph kernel by kernel (`csrc/program/int8/`).

    Raises:
        InputError: it is no such graph, or no kernel computes some of its nodes, as where layers
            between integers were kept in float; all of them are named.
    """
    if all(node.operator != "QuantizeLinear" for node in graph.nodes):
        raise InputError(source, "is not quantised", REMEDY)
    return IntegerEngine(graph, source)


class IntegerEngine:
    """An integer graph that is ready to run.

    Raw pixels go to the kernels as they are, where the graph takes those. Floats are quantised in
    NumPy, as the graph says, and the rest is the same.
    """

    def __init__(self, graph: Graph, source: object) -> None:
        self.graph, self.signed = as_unsigned(graph)
        self.source = source
        self.size = image_size(graph, source)
        self.first = _first_integers(self.graph, source)
        self.takes_bytes = graph.inputs[INPUT].dtype == "uint8"
        self.network = (
            make_integer_network(self.program, self.size) if self.takes_bytes else self._of_integers
        )

    def __call__(self, images: Images, threads: int = 1, out: Any = None) -> tuple[Any, Any, Any]:
        """Return logits, probabilities and labels."""
        if images.dtype == np.uint8 and self.takes_bytes:
            return self.network(images, threads, out)
        return self._of_integers(self._quantised(images), threads, out)

    @property
    def name(self) -> str:
        """What it computes with: "int8", and the instructions for it."""
        return f"int8 ({self.network.instructions})"

    @property
    def program(self) -> Program:
        """The steps that the kernels compute."""
        return self._lowered(self.graph if self.takes_bytes else self._rest())

    def _lowered(self, graph: Graph) -> Program:
        return lower_integers(with_logits(graph, self.source), self.source, None, self.signed)

    @cached_property
    def _of_integers(self) -> ByteNetwork:
        return make_integer_network(self._lowered(self._rest()), self.size)

    def _quantised(self, images: Images) -> Images:
        """Return the integers that the graph makes of images, uint8 [N, C, H, W]."""
        channels, height, width = self.size
        if images.ndim == 3 and images.shape[0] == channels != 1:
            images = images[None]
        elif channels == 1 and images.ndim in (2, 3):
            images = images.reshape(-1, 1, *images.shape[-2:])
        if images.ndim != 4 or images.shape[1:] != self.size:
            shape = f"[N, {channels}, {height}, {width}]"
            raise InputError("images", f"has shape {list(images.shape)}", f"pass {shape}")
        graph = self.graph
        if images.dtype == np.uint8:
            images = (images * PIXEL_SCALE).astype(np.float32)
        elif images.dtype == np.float32 and self.takes_bytes:
            graph = with_contract(graph, "float32")
        first = _first_integers(graph, self.source)
        front = drop_unused(Graph(graph.inputs, graph.nodes, first.outputs, graph.tensors))
        feed = {INPUT: images}
        (made,) = evaluate(front, feed, reproducible=False, dtype="float32").values()
        return np.ascontiguousarray(made)

    def _rest(self) -> Graph:
        """Return the graph behind its first integers, which are its raw pixels."""
        graph, types = self.graph, infer_types(self.graph)
        cast, one, zero = (
            unused_name(f"{INPUT}.{part}", types) for part in ("cast", "one", "zero")
        )
        nodes = (
            Node("Cast", (INPUT,), (cast,), {"to": "float32"}, "cast"),
            Node("QuantizeLinear", (cast, one, zero), self.first.outputs, {}, self.first.name),
            *(node for node in graph.nodes if node.outputs != self.first.outputs),
        )
        shape = graph.inputs[INPUT].shape
        tensors = {**graph.tensors, one: np.array(1, np.float32), zero: np.array(0, np.uint8)}
        front = Graph({INPUT: TensorType("uint8", shape)}, nodes, graph.outputs, tensors)
        return drop_unused(front)


def _first_integers(graph: Graph, source: object) -> Node:
    """Return the node that makes integers of the images, which nothing else takes."""
    front, found = {*graph.inputs}, []
    for node in graph.nodes:
        data = [name for name in node.inputs if name and name not in graph.tensors]
        if not front & {*data}:
            continue
        if node.operator == "QuantizeLinear":
            found.append(node)
        else:
            front.update(node.outputs)
    if len(found) != 1 or front & {*graph.outputs}:
        raise InputError(source, "does not quantise its images once and for all", REMEDY)
    return found[0]
