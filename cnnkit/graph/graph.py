"""A network as data: `Graph({"x": type}, (Node("Relu", ("x",), ("y",)),), ("y",), {})`.

Nodes have ONNX's operators and attributes, every default filled in, and stand in the order of
execution; parameters are arrays by name. What is built is sound but for its shapes, which
`cnnkit.graph.shapes` infers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.operators.base import CORRECT
from cnnkit.graph.operators.table import OPERATORS
from cnnkit.graph.types import DTYPES, FREE, Array, TensorType
from cnnkit.system.display import summary


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        operator: a name in OPERATORS.
        inputs: names of values; an optional one that is left out has none.
        outputs: names of the values that it computes.
        attributes: values by name; those that are not given get their defaults.
        name: its own, for messages; its first output stands for none.
        domain: the operator's, filled in.

    Raises:
        InputError: the operator or an attribute is unknown, or an attribute has another type.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    name: str = ""
    domain: str = ""

    def __post_init__(self) -> None:
        row = OPERATORS.get(self.operator)
        if row is None or self.domain not in ("", row.domain):
            raise self.refused("cnnkit does not know this operator", "use another one in the model")
        inputs, outputs = tuple(self.inputs), tuple(self.outputs)
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        fewest, most = row.inputs
        if not fewest <= len(inputs) <= most or not all(inputs[:fewest]):
            raise self.refused(f"it has {len(inputs)} inputs, not {_range(fewest, most)}")
        if not 1 <= len(self.outputs) <= row.outputs or not all(self.outputs):
            raise self.refused(f"it has {len(self.outputs)} outputs, not {_range(1, row.outputs)}")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "outputs", outputs)
        object.__setattr__(self, "domain", row.domain)
        object.__setattr__(self, "attributes", MappingProxyType(self._filled(row.defaults)))

    def __reduce__(self) -> tuple[type[Node], tuple[Any, ...]]:  # read-only views have no pickle
        return type(self), (
            *(self.operator, self.inputs, self.outputs, dict(self.attributes)),
            *(self.name, self.domain),
        )

    def _filled(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Return all attributes in the table's order, checked."""
        for name in self.attributes:
            if name not in defaults:
                raise self.refused(f"its attribute {name} is unknown")
        filled = {}
        for name, default in defaults.items():
            value = self.attributes.get(name, default)
            kind = default if isinstance(default, type) else type(default)
            if value is kind:
                raise self.refused(f"its attribute {name} is missing")
            if kind is float and type(value) is int:
                value = float(value)
            if kind is tuple and isinstance(value, list):
                value = tuple(value)
            if not _is(value, kind):
                raise self.refused(f"its attribute {name} is {value!r:.80}, no {kind.__name__}")
            filled[name] = value
        return filled

    @property
    def title(self) -> str:
        """What messages call it: `Conv features.3`."""
        return f"{self.operator} {self.name or (self.outputs or ('',))[0]}".rstrip()

    def refused(self, reason: str, remedy: str = CORRECT) -> InputError:
        """Return the error that names this node."""
        return InputError(f"node {self.title}", reason, remedy)


def _is(value: object, kind: type) -> bool:
    """Tell whether a value has exactly a type of attributes; a float has to be finite."""
    if kind is tuple:
        return isinstance(value, tuple) and all(type(item) is int for item in value)
    # That a value of this kind is a float is more than the type checker follows.
    return type(value) is kind and (kind is not float or math.isfinite(value))  # type: ignore[arg-type]


def _range(fewest: int, most: int) -> str:
    return str(fewest) if fewest == most else f"{fewest} to {most}"


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: nodes between inputs and outputs, and the tensors that they know.

    Attributes:
        inputs: types by name; the number of images may be free ("N").
        nodes: in the order of execution.
        outputs: names of values.
        tensors: parameters and other constants by name.

    Raises:
        InputError: a value is missing, made twice, or made after it is used.
    """

    inputs: Mapping[str, TensorType]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Array]

    def __post_init__(self) -> None:
        for name in ("inputs", "tensors"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        for name in ("nodes", "outputs"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, tensor in self.tensors.items():
            if not isinstance(tensor, np.ndarray | np.generic):
                kind = type(tensor).__name__
                raise InputError(f"tensor {name}", f"is a {kind}", "give a NumPy array")
        types = {**self.inputs, **{n: TensorType.of(array) for n, array in self.tensors.items()}}
        for name, found in types.items():
            _check_type(name, found, self.tensors)
        if len(types) != len(self.inputs) + len(self.tensors):
            twice = sorted(set(self.inputs) & set(self.tensors))[0]
            raise InputError(f"input {twice}", "is a constant as well", CORRECT)
        known = set(types)
        for node in self.nodes:
            self._check_names(node, known)
            known.update(node.outputs)
        if not self.outputs or len(set(self.outputs)) < len(self.outputs):
            raise InputError("the graph", "has no outputs, or one twice", CORRECT)
        for name in self.outputs:
            if name not in known:
                raise InputError(f"output {name}", "is made by no node", CORRECT)

    def __repr__(self) -> str:
        nodes, outputs = f"{len(self.nodes)} nodes", ", ".join(self.outputs)
        taken = ", ".join(f"{name}: {type}" for name, type in self.inputs.items())
        return summary(self, f"{taken} -> {outputs}", nodes, f"{len(self.tensors)} tensors")

    def __reduce__(self) -> tuple[type[Graph], tuple[Any, ...]]:
        return type(self), (dict(self.inputs), self.nodes, self.outputs, dict(self.tensors))

    def _check_names(self, node: Node, known: set[str]) -> None:
        for name in node.inputs:
            if name and name not in known:
                later = any(name in other.outputs for other in self.nodes)
                raise node.refused(
                    f"its input {name} is made by a later node: they are in a cycle or out of order"
                    if later
                    else f"its input {name} is neither an input, a known constant nor a result"
                )
        for index, name in enumerate(node.outputs):
            if name in known or name in node.outputs[:index]:
                raise node.refused(f"its output {name} is made twice")


def _check_type(name: str, type: TensorType, tensors: Mapping[str, Array]) -> None:
    sizes = [size for size in type.shape if size != FREE]
    good = all(isinstance(size, int) and size >= 0 for size in sizes)
    if not name or type.dtype not in DTYPES or not good:
        what = "tensor" if name in tensors else "input"
        raise InputError(f"{what} {name}", f"is {type}, which no graph has", CORRECT)


def distinctly_named(nodes: Sequence[Node]) -> list[Node]:
    """Return nodes without a name twice, which ONNX Runtime refuses: a later one gets a number.

    torch.export gives the parts of one module, as SiLU's two, the module's name.
    """
    taken, found = {node.name for node in nodes}, list[Node]()
    seen = set[str]()
    for node in nodes:
        name, number = node.name, 1
        while name and name in seen:
            number += 1
            if (other := f"{node.name}_{number}") not in taken:
                name = other
        seen.add(name)
        found.append(node if name == node.name else replace(node, name=name))
    return found
