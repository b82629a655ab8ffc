"""Is the graph in an ONNX file the network's? `differences(read_strict(path), graph)`.

Both graphs are followed from their outputs to their inputs: the same operators with the same
attributes have to take the same values, and constants are compared where they are used, whatever
their names. What leads to no output is refused as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cnnkit.formats.onnx.model import LOWEST_FORM, LOWEST_OPSET, VERSION, as_written, form_of
from cnnkit.formats.onnx.strict import StrictModel, StrictNode
from cnnkit.formats.onnx.wire import OddFileError
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.table import OPERATORS
from cnnkit.graph.shapes import infer_types

SameTensor = Callable[[str, str], str]  # a tensor's name in the file and in the graph: what differs


class Comparison:
    """The values of a file by the values of the graph that they are.

    Raises:
        OddFileError: they are not the same; the text says where.
    """

    def __init__(
        self, model: StrictModel, graph: Graph, same_tensor: SameTensor | None = None
    ) -> None:
        self.model, self.graph = model, graph
        self.same_tensor = same_tensor or partial(same_values, model, graph)
        self.known: dict[str, str] = {}
        self._check_opsets()
        self._check_interface()
        self._follow()

    def _check_opsets(self) -> None:
        opsets, nodes = self.model.opsets, self.graph.nodes
        domains = {form_of(node).domain for node in nodes} | {""}
        if {*opsets} != domains:
            raise OddFileError(f"it imports the operators of {', '.join(map(repr, opsets))}")
        lowest = max([LOWEST_OPSET, *(LOWEST_FORM.get(node.operator, 0) for node in nodes)])
        if opsets[""] < lowest or any(opsets[each] != VERSION for each in domains - {""}):
            raise OddFileError(f"its operators are of the versions {dict(opsets)}")

    def _check_interface(self) -> None:
        types = infer_types(self.graph)
        for what, found, expected in (
            ("inputs", self.model.inputs, dict(self.graph.inputs)),
            ("outputs", self.model.outputs, {name: types[name] for name in self.graph.outputs}),
        ):
            if list(found.items()) != list(expected.items()):
                stated = ", ".join(f"{name} {type}" for name, type in found.items())
                raise OddFileError(f"its {what} are {stated}")

    def _follow(self) -> None:
        """Follow both graphs from the outputs on."""
        made = {name: node for node in self.model.nodes for name in node.outputs}
        expected = {name: node for node in self.graph.nodes for name in node.outputs}
        pairs = [(name, name) for name in self.graph.outputs]
        seen: set[int] = set()
        followed: set[str] = set()
        while pairs:
            found, wanted = pairs.pop()
            if self.known.setdefault(found, wanted) != wanted or bool(found) != bool(wanted):
                stands, should = found or "nothing", wanted or "nothing"
                raise OddFileError(f"{stands} stands where {should} should")
            if not wanted or found in followed:
                continue
            followed.add(found)
            node, origin = made.get(found), expected.get(wanted)
            if origin is not None:
                if node is None:
                    raise OddFileError(f"{found} is not computed by {origin.title}")
                pairs += zip(*self._same_node(node, origin), strict=True)
                if node.outputs.index(found) != origin.outputs.index(wanted):
                    raise OddFileError(f"{found} is another output of {origin.title}")
                seen.add(id(node))
            elif wanted in self.graph.inputs:
                if found != wanted:
                    raise OddFileError(f"{found} stands where the input {wanted} should")
            else:
                self._check_tensor(found, wanted)
        self._check_unused(seen)

    def _same_node(self, node: StrictNode, origin: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the inputs of both, having compared the rest."""
        form = form_of(origin)
        if (node.operator, node.domain) != (form.operator, form.domain):
            name = f"{node.domain}.{node.operator}".removeprefix(".")
            raise OddFileError(f"{name} stands where the network has {origin.title}")
        if len(node.outputs) != len(origin.outputs) or len(node.inputs) != len(origin.inputs):
            raise OddFileError(f"{origin.title} has other numbers of inputs or outputs")
        defaults = {} if form.domain else OPERATORS[origin.operator].defaults
        for name in sorted({*node.attributes, *form.attributes}):
            default = defaults.get(name)
            stated = _plain(node.attributes.get(name, default))
            if stated != _plain(form.attributes.get(name, default)):
                raise OddFileError(f"{origin.title} has {name} = {stated}")
        return node.inputs, origin.inputs

    def _check_tensor(self, found: str, wanted: str) -> None:
        if found not in self.model.tensors:
            raise OddFileError(f"{found} stands where the constant {wanted} should")
        difference = self.same_tensor(found, wanted)
        if difference:
            raise OddFileError(difference)

    def _check_unused(self, seen: set[int]) -> None:
        for node in self.model.nodes:
            if id(node) not in seen:
                raise OddFileError(f"{node.operator} {', '.join(node.outputs)} leads to no output")
        for name in self.model.tensors:
            if name not in self.known:
                raise OddFileError(f"the tensor {name} is used by no node")


def same_values(model: StrictModel, graph: Graph, found: str, wanted: str) -> str:
    """Return in what a file's tensor differs from a graph's; nothing if it is the same."""
    tensor, expected = model.tensors[found], as_written(graph.tensors[wanted])
    if (tensor.dtype, tensor.shape) != (expected.dtype, expected.shape):
        return f"{found} is {tensor.dtype}{list(tensor.shape)} in the place of {wanted}"
    if tensor.tobytes() != expected.tobytes():
        return f"{found} does not hold the values of {wanted}"
    return ""


def _plain(value: Any) -> Any:
    """Return an attribute as it is once it was written: floats are float32 there."""
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return float(np.float32(value)) if isinstance(value, float) else value
