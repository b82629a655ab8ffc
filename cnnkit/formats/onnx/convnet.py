"""The network that an ONNX graph computes, if it is a Conv-ReLU-MaxPool stack: `read_stack(path)`.

Ours and others' files alike: Cast and scaling to [0, 1] where there are any, then blocks of Conv,
Relu and MaxPool, Flatten, and one linear layer; what follows the logits is left to the engine.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.contract import check_held, check_names
from cnnkit.formats.onnx.protobuf import Node, OnnxFile, read_onnx
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture, Block
from cnnkit.graph.weights import Weights

ANSWERS = ("Softmax", "LogSoftmax", "ArgMax")  # of the logits, which the engine has its own way for
NOTHING = ("Identity", "Dropout")  # what answers an image as if it were not there
REMEDY = "run it in ONNX Runtime"


def read_stack(path: Path) -> Weights:
    """Read an ONNX file as a network of the family.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or has a node that the family has no place for, which is named.
    """
    file = read_onnx(path)
    metadata = {}
    if contract.MARK in file.metadata:
        metadata = contract.decode(path, file.metadata, "an ONNX file")
    weights = Stack(path, file).read(metadata)
    check_names(path, metadata, weights.architecture)
    if metadata:
        check_held(path, metadata, weights.sha256)
    return weights


class Stack:
    """A walk along a graph without branches, from the images to the logits."""

    def __init__(self, path: Path, file: OnnxFile) -> None:
        self.path, self.file = path, file
        self.constants: dict[str, NDArray[Any]] = dict(file.tensors)
        for node in file.nodes:
            value = node.attributes.get("value")
            if node.operator == "Constant" and isinstance(value, np.ndarray):
                self.constants[node.outputs[0]] = value
        inputs = [name for name in file.inputs if name not in self.constants]
        if len(inputs) != 1:
            raise InputError(path, f"has {len(inputs)} inputs, not one of images", REMEDY)
        known = {*self.constants, *inputs, ""}
        for node in file.nodes:
            fresh = known.isdisjoint(node.outputs) or node.operator == "Constant"
            ready = known.issuperset(node.inputs) and fresh
            self._need(node, ready, "an input is neither a result before it nor a known constant")
            known.update(node.outputs)
        self.value = inputs[0]
        self.type, sizes = file.inputs[self.value]
        if len(sizes) != 4 or min(sizes[1:]) < 1:
            raise InputError(path, "does not say how large its images are", REMEDY)
        self.input = (sizes[1], sizes[2], sizes[3])

    def read(self, metadata: dict[str, Any]) -> Weights:
        """Return the network with its parameters under their own names."""
        self._scaling()
        tensors: dict[str, NDArray[np.float32]] = {}
        blocks: list[Block] = []
        while (conv := self._step("Conv")) is not None:
            weight, bias = self._convolution(conv, f"convs.{len(blocks)}", tensors)
            blocks.append(self._block(conv, weight, bias))
        if not blocks:
            raise self._refused(self._next(), "a convolution should be")
        architecture = Architecture(self.input, tuple(blocks), 1)
        features = math.prod(architecture.feature_shapes()[-1])
        self._flatten(features)
        tensors["linear.weight"], tensors["linear.bias"] = self._linear(features)
        self._answers()
        classes = len(tensors["linear.bias"])
        return Weights(Architecture(self.input, tuple(blocks), classes), tensors, metadata)

    # Along the graph

    def _consumers(self, value: str) -> list[Node]:
        return [node for node in self.file.nodes if value in node.inputs]

    def _next(self) -> Node | None:
        """Return the node that takes the value, past those that do nothing."""
        while True:
            nodes = self._consumers(self.value)
            if len(nodes) > 1:
                raise self._refused(nodes[1], "it takes a value that another node takes as well")
            if not nodes or nodes[0].operator not in NOTHING:
                return nodes[0] if nodes else None
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
            return InputError(self.path, f"ends where {reason}", REMEDY)
        name = f" {node.name}" if node.name else ""
        return InputError(
            self.path,
            f"has the node {node.operator}{name}, which cnnkit's engine cannot run: {reason}",
            REMEDY,
        )

    def _need(self, node: Node, good: bool, reason: str) -> None:
        if not good:
            raise self._refused(node, reason)

    def _is_constant(self, node: Node, index: int) -> bool:
        return index < len(node.inputs) and node.inputs[index] in self.constants

    def _constant(self, node: Node, index: int) -> NDArray[Any]:
        self._need(node, self._is_constant(node, index), f"its input {index} is no constant")
        return self.constants[node.inputs[index]]

    def _integers(self, node: Node, name: str, default: list[int]) -> list[int]:
        value = node.attributes.get(name, default)
        if not isinstance(value, list) or not value:
            raise self._refused(node, f"its {name} is no list of integers")
        return value

    # The parts

    def _scaling(self) -> None:
        """Go past what brings pixels to [0, 1]: the engine does that itself."""
        self._step("Cast")
        node = self._step("Mul", "Div")
        if node is None:
            if self.type == "uint8":
                raise self._refused(self._next(), "pixels should be scaled by 1/255 before it")
            return
        constant = self._constant(node, 1 if self._is_constant(node, 1) else 0)
        factor = float(constant.ravel()[0]) if constant.size == 1 else math.nan
        if node.operator == "Div":
            factor = 1.0 / factor if factor else math.nan
        self._need(
            node, math.isclose(factor, PIXEL_SCALE, rel_tol=1e-6), "it scales by other than 1/255"
        )

    def _convolution(
        self, node: Node, name: str, tensors: dict[str, NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight = self._constant(node, 1)
        self._need(node, weight.ndim == 4 and weight.dtype == np.float32, "its weight is no 2D one")
        bias = self._constant(node, 2) if len(node.inputs) > 2 else np.zeros(len(weight), "f4")
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight, bias
        return weight, bias

    def _block(self, conv: Node, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Block:
        """Go past a block's ReLU and pool, in either order: both are monotonic."""
        channels, _, height, width = weight.shape
        pads = self._window(conv, [height, width], 1)
        self._need(conv, height == width, f"its kernel of {height}x{width} is not square")
        self._need(conv, conv.attributes.get("group", [1]) == [1], "its channels are in groups")
        self._need(conv, min(pads) == max(pads), f"its padding {pads} differs from side to side")
        relu, pool = self._step("Relu"), self._step("MaxPool")
        if relu is None and self._step("Relu") is None:
            raise self._refused(self._next(), "a Relu should be")
        if pool is None:
            return Block(channels, height, pads[0], 1)
        kernel = self._integers(pool, "kernel_shape", [0, 0])
        side = kernel[0]
        self._need(pool, kernel == [side, side] and side > 0, f"its window {kernel} is not square")
        padding = self._window(pool, kernel, side)
        self._need(pool, not any(padding), f"its padding {padding} is not 0")
        self._need(pool, pool.attributes.get("ceil_mode", [0]) == [0], "it rounds up (ceil_mode)")
        return Block(channels, height, pads[0], side)

    def _window(self, node: Node, kernel: list[int], stride: int) -> list[int]:
        """Return the padding of a convolution or a pool, having checked the rest."""
        shape = self._integers(node, "kernel_shape", kernel)
        self._need(node, shape == kernel, "its kernel_shape is another")
        dilations = self._integers(node, "dilations", [1, 1])
        self._need(node, dilations == [1, 1], "it is dilated")
        strides = self._integers(node, "strides", [1, 1])
        self._need(node, strides == [stride, stride], f"its strides {strides} are not {stride}")
        automatic = node.attributes.get("auto_pad", "NOTSET")
        self._need(node, automatic in ("NOTSET", "VALID"), f"its padding is {automatic}")
        none = [0, 0, 0, 0]
        pads = self._integers(node, "pads", none) if automatic == "NOTSET" else none
        self._need(node, len(pads) == 4 and min(pads) >= 0, f"its padding {pads} is none")
        return pads

    def _flatten(self, features: int) -> None:
        node = self._step("Flatten", "Reshape")
        if node is None:
            raise self._refused(self._next(), "a Flatten should be")
        if node.operator == "Flatten":
            self._need(node, node.attributes.get("axis", [1]) == [1], "its axis is not 1")
            return
        shape = self._constant(node, 1).tolist()
        flat = len(shape) == 2 and shape[1] in (-1, features)
        self._need(node, flat, f"it shapes to {shape}, not to {features} features an image")

    def _linear(self, features: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        node = self._step("Gemm", "MatMul")
        if node is None:
            raise self._refused(self._next(), "a Gemm should be")
        given = node.attributes
        self._need(
            node,
            given.get("alpha", 1.0) == given.get("beta", 1.0) == 1.0
            and given.get("transA", [0]) == [0],
            "it is scaled or transposed",
        )
        weight = self._constant(node, 1)
        if given.get("transB", [0]) == [0]:
            weight = weight.T
        self._need(
            node,
            weight.ndim == 2 and weight.shape[1] == features,
            f"it takes not {features} values",
        )
        add, at = node, 2
        if node.operator == "MatMul":
            add = self._step("Add") or node
            at = 1 if self._is_constant(add, 1) else 0
        no_bias = add.operator == "MatMul" or len(add.inputs) <= at
        bias = np.zeros(len(weight), "f4") if no_bias else self._constant(add, at).ravel()
        floats = weight.dtype == bias.dtype == np.float32
        self._need(
            add, floats and bias.shape == weight.shape[:1], f"its bias is not [{len(weight)}]"
        )
        return np.ascontiguousarray(weight), bias

    def _answers(self) -> None:
        """Check that nothing but answers comes of the logits."""
        values = [self.value]
        for value in values:
            for node in self._consumers(value):
                self._need(node, node.operator in (*ANSWERS, *NOTHING), "it follows the logits")
                axis = node.attributes.get("axis", [1])
                self._need(node, axis in ([1], [-1]), f"its axis is {axis}")
                values += node.outputs
