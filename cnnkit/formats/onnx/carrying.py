"""Another tool's ONNX model between the contract's input and outputs: `wrapped(model, record)`.

Its own nodes stay as they are, whatever they are; in front come those that prepare raw pixels,
behind them probabilities and label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.formats.onnx.messages import BYTES, VARINT, fields
from cnnkit.graph.convnet import INPUT, LABEL, LOGITS, OUTPUTS, PROBABILITIES
from cnnkit.graph.heads import IDLE, NO_LOGITS, SHARES
from cnnkit.graph.heads import REMEDY as HEADS_REMEDY
from cnnkit.graph.preprocessing import Preprocessing

if TYPE_CHECKING:
    from onnx import ModelProto

PREFIX = "carried."  # of all names in a model that has one of the contract's names
FLOAT, UINT8, INT64 = 1, 2, 7  # TensorProto.DataType
FLOATS = {FLOAT: "float32", 10: "float16", 11: "float64"}
WRITER = (2, 3, 14)  # fields of a ModelProto: its producer and version, and the metadata
MOST = 2**31 - 1  # bytes of a protobuf message
MOST_NODES = 100_000  # with those of functions wherever they are called


@dataclass(frozen=True)
class Original:
    """Another tool's model.

    Attributes:
        model: its graph gives the logits, and nothing else.
        input: the name of the images.
        dtype: NumPy's name of their type.
        size: C, H, W.
        last: whether the channels come last.
        frozen: the number of images that it takes, 0 if any.
    """

    model: ModelProto
    input: str
    dtype: str
    size: tuple[int, int, int]
    last: bool
    frozen: int

    def fed(self, images: Any, record: Preprocessing | None) -> Any:
        """Return what it takes of raw pixels, uint8 [N, C, H, W], prepared in float64."""
        x = images
        if record is not None:
            mean, std = (np.reshape(row, (-1, 1, 1)) for row in (record.mean, record.std))
            x = (images.astype(np.float64) * record.scale - mean) / std
        x = x.transpose(0, 2, 3, 1) if self.last else x
        return np.ascontiguousarray(x)


def original(model: ModelProto, source: object, size: tuple[int, int, int] | None) -> Original:
    """Return a model of one input of images whose only output are its logits.

    Args:
        model: of the onnx package; it is changed.
        source: what errors call it.
        size: of its images, where the model leaves that free.

    Raises:
        InputError: it is no classifier of images.
    """
    _check_functions(model, source)
    graph = model.graph
    known = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in known]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs)
        raise InputError(source, f"has {len(inputs)} inputs ({names}), not one", "use another")
    kind = inputs[0].type.tensor_type
    sides = [dim.dim_value for dim in kind.shape.dim]
    dtype = {**FLOATS, UINT8: "uint8"}.get(kind.elem_type)
    if dtype is None or len(sides) != 4:
        reason = f"takes no images [N, C, H, W] of pixels at its input {inputs[0].name}"
        raise InputError(source, reason, "export it with images as its input")
    last = sides[3] in (1, 3) and sides[1] not in (1, 3)
    found = (sides[3], sides[1], sides[2]) if last else tuple(sides[1:])
    whole = size if size is not None and 0 in found else found
    if 0 in whole:
        reason = "does not say how large its images are"
        raise InputError(source, reason, "export it with a fixed size, or say --size CxHxW")
    for dim, side in zip(kind.shape.dim[1:], _stored(whole, last), strict=True):
        dim.dim_value = side
    logits = _logits(model, source)
    del graph.output[1:], graph.value_info[:]
    graph.output[0].name = logits
    graph.output[0].type.tensor_type.ClearField("shape")
    return Original(model, inputs[0].name, dtype, (whole[0], whole[1], whole[2]), last, sides[0])


def _check_functions(model: ModelProto, source: object) -> None:
    """Raise InputError for functions whose calls a runtime would unfold without end, or nearly."""
    waiting = {(each.domain, each.name): each.node for each in model.functions}
    counts: dict[tuple[str, str], int] = {}

    def count(nodes: Any) -> int:
        return sum(counts.get((node.domain, node.op_type), 1) for node in nodes)

    def waits(nodes: Any) -> bool:
        return any((node.domain, node.op_type) in waiting for node in nodes)

    while ready := [name for name, nodes in waiting.items() if not waits(nodes)]:
        counts |= {name: count(waiting[name]) for name in ready}
        for name in ready:
            del waiting[name]
    if waiting:
        raise InputError(source, "has functions that call themselves", "export it without them")
    if count(model.graph.node) > MOST_NODES:
        reason = f"has {count(model.graph.node):,} nodes, counted wherever a function is called"
        raise InputError(source, reason, "export it without functions")


def _stored(size: tuple[int, ...], last: bool) -> tuple[int, ...]:
    return (*size[1:], size[0]) if last else size


def _logits(model: ModelProto, source: object) -> str:
    """Return the value from which all outputs come: before softmax and the like."""
    made = {name: node for node in model.graph.node for name in node.output}
    found = {_before_heads(made, value.name) for value in model.graph.output}
    if len(found) != 1:
        names = ", ".join(value.name for value in model.graph.output)
        reason = f"has {len(model.graph.output)} outputs ({names}), not those of one classifier"
        raise InputError(source, reason, HEADS_REMEDY)
    (name,) = found
    node = made.get(name)
    if node is None or node.op_type in NO_LOGITS:
        reason = "ends in several classes at once, or computes nothing"
        raise InputError(source, reason, HEADS_REMEDY)
    return name


def _before_heads(made: dict[str, Any], name: str) -> str:
    while (node := made.get(name)) is not None:
        axes = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
        head = node.op_type in (*SHARES, "ArgMax") and (axes or [-1])[0] in (1, -1)
        if not node.domain and (node.op_type in IDLE or head):
            name = node.input[0]
        else:
            break
    return name


def wrapped(own: Original, record: Preprocessing | None, shape: tuple[int, ...]) -> bytes:
    """Return the model with the contract's input and outputs, without metadata.

    Args:
        own: the model.
        record: what is done to raw pixels; None if the model does it.
        shape: of its logits for some images: [N, K], or [N, K, 1, 1].

    Raises:
        InputError: it is too large for one file.
    """
    from onnx import ModelProto, compose, helper

    model = ModelProto.FromString(own.model.SerializeToString())
    _clean(model)
    graph = model.graph
    taken = {INPUT, *OUTPUTS}
    names = {name for node in graph.node for name in (*node.input, *node.output)}
    prefix = PREFIX if names & taken else ""
    if prefix:
        model = compose.add_prefix(model, prefix)
        graph = model.graph
    images, logits = prefix + own.input, prefix + own.model.graph.output[0].name
    before = _prepared(own, record, images, graph)
    kind = graph.output[0].type.tensor_type.elem_type or FLOAT
    after: list[tuple[str, dict[str, Any]]] = [("Cast", {"to": FLOAT})] if kind != FLOAT else []
    after.append(("Flatten", {"axis": 1}) if len(shape) > 2 else ("Identity", {}))
    nodes, value = [], logits
    for index, (operator, attributes) in enumerate(after):
        made = LOGITS if index == len(after) - 1 else f"{PREFIX}logits{index}"
        nodes.append(helper.make_node(operator, [value], [made], **attributes))
        value = made
    nodes += [
        helper.make_node("Softmax", [LOGITS], [PROBABILITIES], axis=1),
        helper.make_node("ArgMax", [LOGITS], [LABEL], axis=1, keepdims=0),
    ]
    whole = [*before, *graph.node, *nodes]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(whole)
    graph.name = "cnnkit"
    value_of = helper.make_tensor_value_info
    graph.input.append(value_of(INPUT, UINT8, ["N", *own.size]))
    graph.output.extend(
        [
            *(value_of(name, FLOAT, ["N", shape[1]]) for name in OUTPUTS[:2]),
            value_of(LABEL, INT64, ["N"]),
        ]
    )
    if model.ByteSize() > MOST:
        reason = f"needs {model.ByteSize():,} bytes, more than one ONNX file holds"
        raise InputError("the model", reason, "use a smaller one")
    return bare(model.SerializeToString(deterministic=True))


def _prepared(own: Original, record: Preprocessing | None, images: str, graph: Any) -> list[Any]:
    """Return the nodes that make of raw pixels what the model takes, their constants added."""
    from onnx import helper, numpy_helper

    steps: list[tuple[str, Any, dict[str, Any]]] = []
    if record is not None:
        row = (len(record.mean), 1, 1)
        steps.append(("Cast", None, {"to": FLOAT}))
        steps.append(("Mul", np.array(record.scale, np.float32), {}))
        if record.normalises:
            steps.append(("Sub", np.array(record.mean, np.float32).reshape(row), {}))
            steps.append(("Div", np.array(record.std, np.float32).reshape(row), {}))
    to = next((number for number, name in FLOATS.items() if name == own.dtype), UINT8)
    if (FLOAT if steps else UINT8) != to:
        steps.append(("Cast", None, {"to": to}))
    steps.append(
        ("Transpose", None, {"perm": [0, 2, 3, 1]}) if own.last else ("Identity", None, {})
    )
    nodes, value = [], INPUT
    for index, (operator, constant, attributes) in enumerate(steps):
        made = images if index == len(steps) - 1 else f"{PREFIX}pixels{index}"
        inputs = [value]
        if constant is not None:
            inputs.append(f"{PREFIX}pixel.{operator.lower()}")
            graph.initializer.append(numpy_helper.from_array(constant, inputs[1]))
        nodes.append(helper.make_node(operator, inputs, [made], **attributes))
        value = made
    return nodes


def _clean(model: ModelProto) -> None:
    """Take out what names sources and makers."""
    model.doc_string = model.graph.doc_string = model.domain = ""
    model.model_version = 0
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for owner in (model.graph, *model.functions):
        del owner.metadata_props[:]
    for function in model.functions:
        function.doc_string = ""
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]


def bare(content: bytes) -> bytes:
    """Return a model without metadata and without what says who wrote it; needs no package.

    Raises:
        ValueError, IndexError: it is no message.
    """
    parts = bytearray()
    for number, wire, value in fields(memoryview(content)):
        if number in WRITER:
            continue
        parts += _varint(number << 3 | wire)
        if wire == VARINT:
            assert isinstance(value, int)
            parts += _varint(value)
        else:
            assert isinstance(value, memoryview)
            parts += (_varint(len(value)) if wire == BYTES else b"") + bytes(value)
    return bytes(parts)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))
