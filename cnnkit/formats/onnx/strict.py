"""An ONNX file without room for interpretation: `read_strict(path).nodes`.

ONNX Runtime reads a file with protobuf, which merges fields that stand twice, takes the last of two
values and skips what it does not know. So a file can be made that another reader understands
otherwise. Here every field has to be one of those below, of its type, and to stand once. What is
left has one meaning, and `cnnkit.formats.onnx.same_graph` compares that with the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cnnkit.formats.onnx.wire import Message, OddFileError, parse
from cnnkit.graph.types import Array, TensorType
from cnnkit.system.files import read_bytes

# NumPy's types by TensorProto.DataType, and the field of the values that are not raw.
TYPES = {
    **{1: ("<f4", "float_data"), 2: ("|u1", "int32_data"), 3: ("|i1", "int32_data")},
    **{6: ("<i4", "int32_data"), 7: ("<i8", "int64_data")},
}
NAMES = {number: np.dtype(dtype).name for number, (dtype, _) in TYPES.items()}
DATA = ("float_data", "int32_data", "int64_data", "raw_data", "external_data")
VALUES = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints"}  # by AttributeProto.type
EXTERNAL = 1  # TensorProto.data_location
STANDARD = ("", "ai.onnx")  # two names of one domain
RUNTIME_OPTIONS = "ort_config"  # metadata that ONNX Runtime may take its options from


@dataclass(frozen=True)
class StrictNode:
    """One node, as it stands in the file.

    Attributes:
        operator: its type.
        domain: "" for ONNX's own.
        inputs: names of values; an optional one that is left out has none.
        outputs: names of values.
        attributes: numbers, texts, tuples of numbers, and arrays.
    """

    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class StrictModel:
    """All that a file says of what is computed.

    Attributes:
        opsets: version by domain.
        inputs: types by name, in the file's order.
        outputs: types by name, in the file's order.
        nodes: in the file's order.
        tensors: initialisers by name.
    """

    opsets: Mapping[str, int]
    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    nodes: tuple[StrictNode, ...]
    tensors: Mapping[str, Array]


def read_strict(path: Path) -> StrictModel:
    """Read an ONNX file.

    Raises:
        StorageError: it, or a file with its tensors, cannot be read.
        OddFileError: it has something that no reader has to understand as cnnkit does.
    """
    model = parse("ModelProto", read_bytes(path))
    graph = model.get("graph", {})
    metadata = _named(((pair.get("key", ""), "") for pair in model["metadata_props"]), "metadata")
    if RUNTIME_OPTIONS in metadata:
        raise OddFileError(f"its metadata {RUNTIME_OPTIONS} are options of ONNX Runtime")
    found = StrictModel(
        _named(
            (
                (_domain(entry.get("domain", "")), entry.get("version", 0))
                for entry in model["opset_import"]
            ),
            "operator set",
        ),
        _named(map(_value, graph.get("input", [])), "input"),
        _named(map(_value, graph.get("output", [])), "output"),
        tuple(map(_node, graph.get("node", []))),
        _named((_tensor(tensor, path.parent) for tensor in graph.get("initializer", [])), "tensor"),
    )
    made = (name for node in found.nodes for name in node.outputs if name)
    _named(((name, "") for name in (*found.inputs, *found.tensors, *made)), "value")
    return found


def _named(pairs: Iterator[tuple[str, Any]], what: str) -> dict[str, Any]:
    """Return pairs by name; each name may stand once."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise OddFileError(f"the {what} {name or 'without a name'} stands twice")
        found[name] = value
    return found


def _domain(name: str) -> str:
    return "" if name in STANDARD else name


def _node(node: Message) -> StrictNode:
    return StrictNode(
        node.get("op_type", ""),
        _domain(node.get("domain", "")),
        tuple(node["input"]),
        tuple(node["output"]),
        _named(map(_attribute, node["attribute"]), "attribute"),
    )


def _attribute(attribute: Message) -> tuple[str, Any]:
    name, kind = attribute.get("name", ""), VALUES.get(attribute.get("type", 0))
    given = {key for key in VALUES.values() if attribute.get(key) not in (None, [])}
    if kind is None or given - {kind}:
        raise OddFileError(f"the attribute {name} has no value of the type that it states")
    value = attribute.get(kind, "" if kind == "s" else 0)  # writers may leave out a zero
    if kind == "t":
        if not isinstance(value, dict):
            raise OddFileError(f"the attribute {name} has no tensor")
        return name, _tensor(value, None)[1]
    return name, tuple(value) if isinstance(value, list) else value


def _value(info: Message) -> tuple[str, TensorType]:
    name, tensor = info.get("name", ""), info.get("type", {}).get("tensor_type", {})
    dtype = NAMES.get(tensor.get("elem_type", 0))
    if dtype is None or "shape" not in tensor:
        raise OddFileError(f"{name} is not a tensor of a known type and shape")
    sizes = []
    for size in tensor["shape"]["dim"]:
        if len(size) != 1:
            raise OddFileError(f"{name} has a size that is free without a name, or two in one")
        sizes.append(next(iter(size.values())))
    return name, TensorType(dtype, tuple(sizes))


def _tensor(tensor: Message, folder: Path | None) -> tuple[str, Array]:
    """Return a tensor's name and values; `folder` is that of a file with external data."""
    name, shape = tensor.get("name", ""), tuple(tensor["dims"])
    dtype, field = TYPES.get(tensor.get("data_type", 0), ("", ""))
    if not dtype or any(size < 0 for size in shape):
        raise OddFileError(f"the tensor {name} has a type or a size that no tensor of cnnkit's has")
    given = [key for key in DATA if tensor.get(key) not in (None, [])]
    is_external = tensor.get("data_location", 0) == EXTERNAL
    if len(given) > 1 or is_external != (given == ["external_data"]):
        raise OddFileError(f"the tensor {name} has its values in several places, or in none")
    if is_external:
        content = _external(name, tensor["external_data"], folder)
    elif given in (["raw_data"], []):
        content = tensor.get("raw_data", b"")
    elif given == [field]:
        content = _converted(name, tensor[field], dtype)
    else:
        raise OddFileError(f"the tensor {name} has values of another type than it states")
    count = int(np.prod(shape, dtype=np.float64))
    if len(content) != count * np.dtype(dtype).itemsize:
        raise OddFileError(f"the tensor {name} has another number of values than it states")
    array = np.frombuffer(content, dtype).reshape(shape)
    return name, array.astype(array.dtype.newbyteorder("="))


def _converted(name: str, values: list[Any], dtype: str) -> bytes:
    array = np.array(values, dtype=np.float32 if dtype == "<f4" else np.int64)
    converted = array.astype(dtype)
    if dtype != "<f4" and not np.array_equal(array, converted):
        raise OddFileError(f"the tensor {name} has values outside its type")
    return converted.tobytes()


def _external(name: str, pairs: list[Message], folder: Path | None) -> bytes:
    stated = _named(((pair.get("key", ""), pair.get("value", "")) for pair in pairs), "entry")
    place = PurePosixPath(stated.get("location", ""))
    numbers = [stated.get("offset", "0"), stated.get("length", "0")]
    if (
        stated.keys() - {"location", "offset", "length", "checksum"}
        or folder is None
        or not place.name
        or place.is_absolute()
        or ".." in place.parts
        or "\\" in str(place)
        or not all(number.isascii() and number.isdigit() for number in numbers)
    ):
        raise OddFileError(f"the tensor {name} has its values in a place outside its folder")
    content = read_bytes(folder / place)
    start = int(numbers[0])
    return content[start : start + int(numbers[1])] if "length" in stated else content[start:]
