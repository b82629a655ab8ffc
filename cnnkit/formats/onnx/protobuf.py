"""What an ONNX file says, read without the onnx package: `read_onnx(path).opset`.

The base install has no onnx package, and ONNX Runtime tells neither opset nor weights. This reads
the fields of onnx.proto3 that cnnkit needs; it runs nothing. `tests/formats/test_onnx_protobuf.py`
holds it against the onnx package.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats.onnx.messages import (
    FIXED32,
    Message,
    chunks,
    floats,
    int32,
    integer,
    integers,
    parse,
    submessage,
    submessages,
    text,
)
from cnnkit.formats.onnx.tensors import (
    NAME,
    TYPES,
    Unread,
    is_external,
    read_tensor,
)
from cnnkit.system.files import read_bytes

Attribute = int | float | str | list[int] | NDArray[Any] | Unread
STANDARD = ("", "ai.onnx")  # two names of the domain of ONNX's own operators


@dataclass(frozen=True)
class Node:
    """One step of the graph.

    Attributes:
        operator: its type, with its domain before it where it is not the standard one, or
            "function " if it is one that the file itself defines.
        name: its own, often empty.
        inputs: names of values; an empty one is left out.
        outputs: names of values.
        attributes: integers, floats, texts, lists of integers, tensors (lists of floats too), and
            what is not read.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class OnnxFile:
    """The part of a ModelProto that cnnkit needs.

    Attributes:
        ir_version: the version of the file format.
        opsets: version by domain; "" is the standard one.
        metadata: metadata_props.
        nodes: the graph, in the order of the file.
        inputs: NumPy's name of the type ("" if it is none in TYPES) and sizes (0 where one is free)
            by name, without those that have a default.
        tensors: initialisers of the types in TYPES, by name.
        outputs: their names.
        external: whether a tensor lies in another file.
        notes: whether a doc string or a node's metadata is there (some exporters' source lines).
        unread: what initialisers are that are not among `tensors`, by name.
        unshaped: the inputs without a shape, or with a size that is written as 0.
    """

    ir_version: int
    opsets: dict[str, int]
    metadata: dict[str, str]
    nodes: tuple[Node, ...]
    inputs: dict[str, tuple[str, tuple[int, ...]]]
    tensors: dict[str, NDArray[Any]]
    outputs: tuple[str, ...]
    external: bool
    notes: bool
    unread: dict[str, Unread] = field(default_factory=dict)
    unshaped: frozenset[str] = frozenset()

    @property
    def operators(self) -> tuple[str, ...]:
        """Each node's operator."""
        return tuple(node.operator for node in self.nodes)


def read_onnx(path: Path) -> OnnxFile:
    """Read an ONNX file.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not ONNX, or is damaged.
    """
    content = read_bytes(path)
    try:
        return _model(content, path.parent)
    except InputError:  # of a file that it names
        raise
    except (ValueError, KeyError, IndexError, OverflowError, struct.error) as error:
        starts_well = content[:1] == b"\x08" and len(content) > 1 and content[1] < 0x20
        raise InputError(
            path,
            f"is a truncated or damaged ONNX file ({error})"
            if starts_well
            else "is not a model that cnnkit reads (ONNX, C, TorchScript, .pt2, or safetensors)",
            "export it again"
            if starts_well
            else "use a file from `cnnkit train` or `cnnkit export`",
        ) from error


def _model(content: bytes, folder: Path) -> OnnxFile:
    model = parse(content)
    for required, what in ((1, "IR version"), (7, "graph")):
        if required not in model:
            raise ValueError(f"no {what}")
    graph = submessage(model, 7)
    nodes, tensors = submessages(graph, 1), submessages(graph, 5)
    attributes = [attribute for node in nodes for attribute in submessages(node, 5)]
    functions = frozenset(_operator(row, 10, 1) for row in submessages(model, 25))
    read = {text(tensor, NAME): read_tensor(tensor, folder) for tensor in tensors}
    for sparse in submessages(graph, 15):
        read[text(submessage(sparse, 1), NAME)] = Unread("sparse tensor")
    inputs = (_input(value) for value in submessages(graph, 11))
    return OnnxFile(
        ir_version=integer(model, 1),
        opsets={text(opset, 1): integer(opset, 2) for opset in submessages(model, 8)},
        metadata={text(pair, 1): text(pair, 2) for pair in submessages(model, 14)},
        nodes=tuple(_node(node, functions, folder) for node in nodes),
        # before IR 4, every initialiser is an input too
        inputs={name: stated for name, stated in inputs if name not in read},
        tensors={name: v for name, v in read.items() if not isinstance(v, Unread)},
        outputs=tuple(text(value, 1) for value in submessages(graph, 12)),
        external=any(
            is_external(tensor)
            for tensor in (*tensors, *(t for a in attributes for t in submessages(a, 5)))
        ),
        notes=bool(
            text(model, 6)
            or text(graph, 10)
            or any(text(node, 6) or chunks(node, 9) for node in nodes)
        ),
        unread={name: v for name, v in read.items() if isinstance(v, Unread)},
        unshaped=frozenset(text(v, 1) for v in submessages(graph, 11) if _is_unshaped(v)),
    )


def _operator(message: Message, domain: int, name: int) -> str:
    prefix, operator = text(message, domain), text(message, name)
    return operator if prefix in STANDARD else f"{prefix}.{operator}"


def _node(node: Message, functions: frozenset[str], folder: Path) -> Node:
    operator = _operator(node, 7, 4)
    outputs = tuple(str(name, "utf-8") for name in chunks(node, 2))
    if not outputs:
        raise ValueError("a node without outputs")
    return Node(
        f"function {operator}" if operator in functions else operator,
        text(node, 3),
        tuple(str(name, "utf-8") for name in chunks(node, 1)),
        outputs,
        {text(row, 1): _attribute(row, folder) for row in submessages(node, 5)},
    )


def _tensor(attribute: Message, folder: Path) -> Attribute:
    return read_tensor(submessage(attribute, 5), folder)


def _float(attribute: Message, folder: Path) -> Attribute:
    found = chunks(attribute, 2, FIXED32)
    return float(struct.unpack("<f", found[-1])[0]) if found else 0.0


# By AttributeProto.AttributeType: it also says what a value is that the writer has left out, as it
# may if it is zero or empty.
KINDS: dict[int, Callable[[Message, Path], Attribute]] = {
    1: _float,
    2: lambda attribute, folder: integer(attribute, 3),
    3: lambda attribute, folder: text(attribute, 4, "surrogateescape"),
    4: _tensor,
    6: lambda attribute, folder: floats(attribute, 7).astype(np.float32),
    7: lambda attribute, folder: integers(attribute, 8),
}
OTHER_KINDS = {5: "graph", 8: "list of texts", 9: "list of tensors", 10: "list of graphs"}
TYPE, REFERENCE = 20, 21
NO_TENSOR = {4, 5, 7, 8, 9}  # fields of a TypeProto that is a sequence, a map, ...


def _attribute(attribute: Message, folder: Path) -> Attribute:
    if text(attribute, REFERENCE):
        return Unread("reference to a function's attribute")
    kind = int32(attribute, TYPE)
    if kind not in KINDS:
        return Unread(OTHER_KINDS.get(kind, f"value of the unknown kind {kind}"))
    return KINDS[kind](attribute, folder)


def _input(info: Message) -> tuple[str, tuple[str, tuple[int, ...]]]:
    """Return name, type and sizes of a ValueInfoProto; type "" if it is no tensor of numbers."""
    kinds = submessage(info, 2)
    kind = submessage(kinds, 1) if NO_TENSOR.isdisjoint(kinds) else {}
    sizes = [
        max(0, integer(size, 1)) if 2 not in size else 0  # field 2: a name for a free one
        for size in submessages(submessage(kind, 2), 1)
    ]
    dtype = TYPES.get(int32(kind, 1), "")
    return text(info, 1), (np.dtype(dtype).name if dtype else "", tuple(sizes))


def _is_unshaped(info: Message) -> bool:
    """Tell whether a ValueInfoProto has no shape, or a size of 0 in it."""
    kind = submessage(submessage(info, 2), 1)
    sizes = submessages(submessage(kind, 2), 1)
    return 2 not in kind or any(1 in size and integer(size, 1) == 0 for size in sizes)
