"""The walk along a graph without branches, from the images to the logits, for `convnet.match`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture, Block
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.learning import trains_only
from cnnkit.graph.types import Array

HEADS = ("Softmax", "LogSoftmax", "ArgMax")  # of the logits, which the engine computes itself
NO_OPS = ("Identity", "Dropout")
PARTS = ("Cast", "Mul", "Div", "Conv", "Relu", "MaxPool", "Flatten", "Reshape", "Gemm", "MatMul")
OPERATORS = frozenset((*PARTS, "Add", *HEADS, *NO_OPS))  # all that the walk goes past
NO_PLACE = "has no place in a Conv-ReLU-MaxPool network"
REMEDY = "run it in ONNX Runtime (onnxruntime.InferenceSession)"


class Parameters(NamedTuple):
    """The parameters of a layer."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


class Convnet(NamedTuple):
    """A network of the family: its shapes, and its parameters by their names."""

    architecture: Architecture
    tensors: dict[str, NDArray[np.float32]]


def image_size(graph: Graph, source: object = "the network") -> tuple[int, int, int]:
    """Return C, H, W of the only input, or raise InputError."""
    if len(graph.inputs) != 1:
        raise InputError(source, f"has {len(graph.inputs)} inputs, not one of images", REMEDY)
    (images,) = graph.inputs.values()
    sizes = images.shape[1:]
    if len(sizes) != 3 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise InputError(source, "does not say how large its images are", REMEDY)
    return int(sizes[0]), int(sizes[1]), int(sizes[2])


class Match:
    """A position in a graph: the value that the nodes up to here have computed.

    Args:
        graph: any one.
        source: what errors are about.
        problem: what is wrong with a node that does not fit ("the format c cannot hold").
        remedy: what to do instead.
    """

    def __init__(self, graph: Graph, source: object, problem: str, remedy: str = REMEDY) -> None:
        self.graph, self.source, self.problem, self.remedy = graph, source, problem, remedy
        self.consumers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in {*node.inputs}:
                self.consumers.setdefault(name, []).append(node)
        self.input = image_size(graph, source)
        ((self.value, self.type),) = graph.inputs.items()

    def read(self) -> Convnet:
        """Return the network with its parameters under their own names."""
        self._scaling()
        tensors: dict[str, NDArray[np.float32]] = {}
        blocks: list[Block] = []
        while (conv := self._step("Conv")) is not None:
            name = f"convs.{len(blocks)}"
            weight, bias = self._convolution(conv)
            tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight, bias
            blocks.append(self._block(conv, weight))
        features = math.prod(self._architecture(blocks, 1).feature_shapes()[-1])
        self._flatten(features)
        tensors["linear.weight"], tensors["linear.bias"] = self._linear(features)
        self._heads()
        return Convnet(self._architecture(blocks, len(tensors["linear.bias"])), tensors)

    def _architecture(self, blocks: list[Block], classes: int) -> Architecture:
        return Architecture(self.input, tuple(blocks), classes)

    # Along the graph

    def _next(self) -> Node | None:
        """Return the node that takes the value, past those that do nothing."""
        while True:
            nodes = self.consumers.get(self.value, [])
            if len(nodes) > 1:
                raise self._refused(nodes[1], "it takes a value that another node takes as well")
            node = nodes[0] if nodes else None
            if node is None or node.operator not in NO_OPS or trains_only(node):
                return node
            self.value = nodes[0].outputs[0]

    def _step(self, *operators: str) -> Node | None:
        """Go past the next node if it is one of these, and return it."""
        node = self._next()
        if node is None or node.operator not in operators:
            return None
        self.value = node.outputs[0]
        return node

    def _refused(self, node: Node | None, reason: str) -> InputError:
        if node is None:
            return InputError(self.source, f"ends where {reason}", self.remedy)
        return InputError(
            self.source, f"has the node {node.title}, which {self.problem}: {reason}", self.remedy
        )

    def _missing(self, operator: str) -> InputError:
        node = self._next()
        there = "" if node is None else " there"
        return self._refused(node, f"a {operator} should be{there}")

    def _need(self, node: Node, good: bool, reason: str) -> None:
        if not good:
            raise self._refused(node, reason)

    def _is_constant(self, node: Node, index: int) -> bool:
        return index < len(node.inputs) and node.inputs[index] in self.graph.tensors

    def _constant(self, node: Node, index: int) -> Array:
        self._need(node, self._is_constant(node, index), f"its input {index} is not a constant")
        return self.graph.tensors[node.inputs[index]]

    # The parts

    def _scaling(self) -> None:
        """Go past what brings pixels to [0, 1]: the engine does that itself."""
        cast = self._step("Cast")
        if cast is not None:
            self._need(cast, cast.attributes["to"] == "float32", "it casts to other than float32")
        node = self._step("Mul", "Div")
        if node is None:
            if self.type.dtype != "float32":
                raise self._refused(self._next(), "pixels should be scaled by 1/255 before it")
            return
        first = node.operator == "Mul" and self._is_constant(node, 0)
        constant = self._constant(node, 0 if first else 1)
        factor = float(constant.ravel()[0]) if constant.size == 1 else math.nan
        if node.operator == "Div":
            factor = 1.0 / factor if factor else math.nan
        scaled = math.isclose(factor, PIXEL_SCALE, rel_tol=1e-6)
        self._need(node, scaled, "it scales by other than 1/255")
        after = self._next()
        if after is not None and after.operator == "Sub":
            raise self._refused(after, "it normalises pixels")

    def _convolution(self, node: Node) -> Parameters:
        weight = self._constant(node, 1)
        bias = self._constant(node, 2) if len(node.inputs) > 2 else np.zeros(len(weight), "f4")
        floats = weight.ndim == 4 and weight.dtype == bias.dtype == np.float32
        self._need(node, floats, "its weight is not a float32 kernel of two axes")
        return Parameters(weight, bias)

    def _block(self, conv: Node, weight: Array) -> Block:
        """Go past a block's ReLU and pool, in either order: both are monotonic."""
        channels, _, height, width = weight.shape
        pads = self._window(conv, 1)
        self._need(conv, height == width, f"its kernel of {height}x{width} is not square")
        self._need(conv, conv.attributes["group"] == 1, "its channels are in groups")
        self._need(
            conv, min(pads) == max(pads), f"its padding {list(pads)} differs from side to side"
        )
        relu, pool = self._step("Relu"), self._step("MaxPool")
        if relu is None and self._step("Relu") is None:
            raise self._missing("Relu")
        if pool is None:
            return Block(channels, height, pads[0], 1)
        kernel = pool.attributes["kernel_shape"]
        side = kernel[0]
        self._need(pool, kernel == (side, side), f"its window {list(kernel)} is not square")
        padding = self._window(pool, side)
        self._need(pool, not any(padding), f"its padding {list(padding)} is not 0")
        self._need(pool, pool.attributes["ceil_mode"] == 0, "it rounds up (ceil_mode)")
        return Block(channels, height, pads[0], side)

    def _window(self, node: Node, stride: int) -> tuple[int, ...]:
        """Return the padding of a convolution or a pool, having checked the rest."""
        strides = node.attributes["strides"]
        self._need(node, node.attributes["dilations"] == (1, 1), "it is dilated")
        self._need(
            node, strides == (stride, stride), f"its strides {list(strides)} are not {stride}"
        )
        pads: tuple[int, ...] = node.attributes["pads"]
        return pads

    def _flatten(self, features: int) -> None:
        node = self._step("Flatten", "Reshape")
        if node is None:
            raise self._missing("Flatten")
        if node.operator == "Flatten":
            self._need(node, node.attributes["axis"] == 1, "its axis is not 1")
            return
        shape = self._constant(node, 1).tolist()
        flat = len(shape) == 2 and shape[1] in (-1, features)
        self._need(node, flat, f"it shapes to {shape}, not to {features} features an image")

    def _linear(self, features: int) -> Parameters:
        node = self._step("Gemm", "MatMul")
        if node is None:
            raise self._missing("Gemm")
        given = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0, **node.attributes}
        plain = given["alpha"] == given["beta"] == 1.0 and given["transA"] == 0
        self._need(node, plain, "it is scaled or transposed")
        weight = self._constant(node, 1)
        weight = weight if given["transB"] else weight.T
        fits = weight.ndim == 2 and weight.shape[1] == features
        self._need(node, fits, f"it takes not {features} values")
        add, at = node, 2
        if node.operator == "MatMul":
            add = self._step("Add") or node
            at = 1 if self._is_constant(add, 1) else 0
        no_bias = add.operator == "MatMul" or len(add.inputs) <= at
        bias = np.zeros(len(weight), "f4") if no_bias else self._constant(add, at).ravel()
        floats = weight.dtype == bias.dtype == np.float32
        good = floats and bias.shape == weight.shape[:1]
        self._need(add, good, f"its bias is not float32 [{len(weight)}]")
        return Parameters(np.ascontiguousarray(weight), bias)

    def _heads(self) -> None:
        """Check that nothing but predictions is computed from the logits, and nothing from them."""
        values = [(self.value, "")]
        for value, head in values:
            for node in self.consumers.get(value, []):
                idle = node.operator in NO_OPS
                if not idle:
                    reason = f"it follows {head or 'the logits'}"
                    linear = node.operator not in HEADS and not head
                    reason += ": cnnkit runs one linear layer only" if linear else ""
                    self._need(node, node.operator in HEADS and not head, reason)
                    axis = node.attributes["axis"]
                    self._need(node, axis in (1, -1), f"its axis is {axis}")
                    last = node.attributes.get("select_last_index", 0)
                    self._need(node, not last, "it takes the last of equal logits")
                values += [(output, head if idle else node.operator) for output in node.outputs]
