"""cnnkit's reader of ONNX files held against the onnx package: `compare(path)`.

`python tests/support/onnx_files.py 20000 1` compares every model in the onnx wheel, and as many
damaged ones from the seed 1.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, helper, numpy_helper
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

from cnnkit.errors import CnnkitError
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.onnx.tensors import TYPES, Unread

DATA = Path(onnx.__file__).parent / "backend/test/data"
A = AttributeProto
READ = {A.FLOAT, A.INT, A.STRING, A.TENSOR, A.FLOATS, A.INTS}


def models() -> list[Path]:
    """Every model in the onnx wheel."""
    return sorted([*DATA.rglob("model.onnx"), *DATA.rglob("light_*.onnx")])


def compare(path: Path) -> str:
    """Return "same", or "refused by us" or "by both"; AssertionError if the readers differ.

    Raises:
        Exception: another one than cnnkit's, of ours.
    """
    try:
        theirs = _facts(onnx.load(path, load_external_data=False), path.parent)
    except (DecodeError, UnicodeDecodeError, ValueError, TypeError, KeyError, OSError) as error:
        theirs = {"refused": error}
    try:
        ours = _ours(read_onnx(path))
    except CnnkitError:
        return "refused by both" if "refused" in theirs else "refused by us"
    if "refused" in theirs:
        return "read by us alone"
    for key, value in theirs.items():
        assert _same(ours[key], value), f"{path}: {key}: {ours[key]!r:.400}, not {value!r:.400}"
    return "same"


def _ours(file: OnnxFile) -> dict[str, Any]:
    return {
        "ir": file.ir_version,
        "opsets": file.opsets,
        "metadata": file.metadata,
        "inputs": file.inputs,
        "outputs": file.outputs,
        "tensors": file.tensors,
        "unread": {*file.unread},
        "nodes": [
            (node.operator, node.name, node.inputs, node.outputs, node.attributes)
            for node in file.nodes
        ],
    }


def _facts(model: onnx.ModelProto, folder: Path) -> dict[str, Any]:
    """Return what the onnx package reads, in the form of ours."""
    graph = model.graph
    tensors = {tensor.name: _array(tensor, folder) for tensor in graph.initializer}
    tensors |= {sparse.values.name: Unread("") for sparse in graph.sparse_initializer}
    functions = {_operator(f.domain, f.name) for f in model.functions}
    return {
        "ir": model.ir_version,
        "opsets": {opset.domain: opset.version for opset in model.opset_import},
        "metadata": {pair.key: pair.value for pair in model.metadata_props},
        "inputs": {v.name: _input(v.type) for v in graph.input if v.name not in tensors},
        "outputs": tuple(value.name for value in graph.output),
        "tensors": {n: array for n, array in tensors.items() if not isinstance(array, Unread)},
        "unread": {n for n, array in tensors.items() if isinstance(array, Unread)},
        "nodes": [
            (
                "function " * (_operator(node.domain, node.op_type) in functions)
                + _operator(node.domain, node.op_type),
                node.name,
                tuple(node.input),
                tuple(node.output),
                {row.name: _attribute(row, folder) for row in node.attribute},
            )
            for node in graph.node
        ],
    }


def _operator(domain: str, name: str) -> str:
    return name if domain in ("", "ai.onnx") else f"{domain}.{name}"


def _input(type: onnx.TypeProto) -> tuple[str, tuple[int, ...]]:
    if type.WhichOneof("value") not in ("tensor_type", None):
        return "", ()
    sizes = tuple(
        size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else 0
        for size in type.tensor_type.shape.dim
    )
    dtype = TYPES.get(type.tensor_type.elem_type, "")
    return np.dtype(dtype).name if dtype else "", sizes


def _array(tensor: onnx.TensorProto, folder: Path) -> Any:
    if tensor.data_type not in TYPES or tensor.HasField("segment"):
        return Unread("")
    if uses_external_data(tensor):
        load_external_data_for_tensor(tensor, str(folder))
    return numpy_helper.to_array(tensor)


def _attribute(row: onnx.AttributeProto, folder: Path) -> Any:
    if row.type not in READ or row.ref_attr_name:
        return Unread("")
    value = helper.get_attribute_value(row)
    if row.type == A.TENSOR:
        return _array(value, folder)
    if row.type == A.STRING:
        return value.decode("utf-8", "surrogateescape")
    return np.array(value, np.float32) if row.type == A.FLOATS else value


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, Unread):
        return isinstance(ours, Unread)
    if isinstance(theirs, np.ndarray) or isinstance(ours, np.ndarray):
        return (
            isinstance(ours, np.ndarray)
            and ours.dtype == theirs.dtype
            and ours.shape == theirs.shape
            and ours.tobytes() == theirs.tobytes()
        )
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(_same(ours[n], theirs[n]) for n in theirs)
    if isinstance(theirs, tuple | list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(theirs, float):
        return bool(np.array_equal(ours, theirs, equal_nan=True))
    return bool(ours == theirs)


def damage(content: bytes, die: random.Random) -> bytes:
    """Return a file with some bits or bytes changed, or pieces left out, doubled or moved."""
    changed = bytearray(content)
    for _ in range(die.choice([1, 1, 1, 2, 5])):
        at = die.randrange(len(changed))
        piece = slice(at, at + die.choice([1, 2, 3, 8, 20]))
        kind = die.randrange(5)
        if kind == 0:
            changed[at] ^= 1 << die.randrange(8)
        elif kind == 1:
            changed[at] = die.randrange(256)
        elif kind == 2 and len(changed) > 40:
            del changed[piece]
        elif kind == 3:
            changed[at:at] = changed[piece]
        else:
            to = die.randrange(len(changed))
            changed[to : to + piece.stop - at] = changed[piece]
    return bytes(changed)


def rebuilt(content: bytes, die: random.Random) -> bytes:
    """Return a sound file with some fields as writers may have them, but seldom do."""
    model = onnx.ModelProto.FromString(content)
    for tensor in [*model.graph.initializer]:
        if die.random() < 0.5 and tensor.data_type in TYPES:
            array = numpy_helper.to_array(tensor)
            plain = helper.make_tensor(
                tensor.name, tensor.data_type, array.shape, array.ravel().tolist()
            )
            tensor.CopyFrom(plain)
    for row in [row for node in model.graph.node for row in node.attribute]:
        if row.type in (A.INT, A.FLOAT) and die.random() < 0.5:
            row.ClearField("i" if row.type == A.INT else "f")  # as proto3 writes zero
    return model.SerializeToString()


def compare_damaged(count: int, seed: int, sources: list[Path], folder: Path) -> Counter[str]:
    """Compare as many damaged or rebuilt files as given, and return how often which outcome was."""
    die, outcomes = random.Random(seed), Counter[str]()
    contents = [path.read_bytes() for path in sources if path.stat().st_size < 20_000]
    path, changes = folder / "damaged.onnx", (damage, damage, damage, rebuilt)
    for _ in range(count):
        change: Callable[[bytes, random.Random], bytes] = die.choice(changes)
        path.write_bytes(change(die.choice(contents), die))
        outcomes[compare(path)] += 1
    return outcomes


if __name__ == "__main__":
    print(Counter(compare(path) for path in models()))
    with tempfile.TemporaryDirectory() as temporary:
        print(compare_damaged(int(sys.argv[1]), int(sys.argv[2]), models(), Path(temporary)))
