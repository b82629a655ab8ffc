"""An ONNX file as a graph: `read_graph(Path("net.onnx")).nodes`.

Without the onnx package, and nothing is run. Opsets from 6 on are brought to the newest one's form
by `cnnkit.formats.onnx.opsets`; Constant nodes become tensors, and automatic padding becomes
numbers. What cnnkit does not know is refused by node and reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cnnkit.errors import InputError, OperatorsError
from cnnkit.formats.onnx.draft import BrokenNodeError, Draft, NodeRefusedError
from cnnkit.formats.onnx.opsets import RULES
from cnnkit.formats.onnx.plain import read_plain
from cnnkit.formats.onnx.protobuf import Node as FileNode
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.onnx.sizes import RULES as SIZES
from cnnkit.formats.onnx.sizes import read_sizes, takes_sizes
from cnnkit.graph.graph import Graph
from cnnkit.graph.operators.base import CORRECT, SMALLER
from cnnkit.graph.operators.quantised import MICROSOFT
from cnnkit.graph.operators.table import OPERATORS
from cnnkit.graph.types import FREE, LARGEST, TensorType, count

OLDEST, NEWEST = 6, 28  # opsets
NEWEST_IR = 14
REMEDY = "run it in ONNX Runtime (onnxruntime.InferenceSession)"
CARRY = "export it with `--format onnx`, which ONNX Runtime alone has to know"
CHANGE = "change the model"
UNKNOWN = "cnnkit does not know this operator"
KNOWN = OPERATORS.keys() | RULES.keys() | SIZES.keys()


def read_graph(path: Path) -> Graph:
    """Read an ONNX file.

    Raises:
        StorageError: the file, or one with its weights, cannot be read.
        InputError: it is damaged, or has a node that cnnkit does not know, which is named.
    """
    return to_graph(path, read_onnx(path))


def to_graph(path: Path, file: OnnxFile) -> Graph:
    """Return what a file computes as a graph whose shapes have been inferred.

    Raises:
        InputError: as `read_graph`.
    """
    opset = file.opsets.get("", file.opsets.get("ai.onnx", 0))
    if not opset:
        raise InputError(path, "does not say which opset it uses", CORRECT)
    if not OLDEST <= opset <= NEWEST:
        raise InputError(
            path,
            f"uses opset {opset}, which is too {'old' if opset < OLDEST else 'new'}: "
            f"cnnkit reads {OLDEST} to {NEWEST}",
            f"export it again with another opset, or {REMEDY}",
        )
    if file.ir_version > NEWEST_IR:
        raise InputError(
            path,
            f"has IR version {file.ir_version}, which is too new: cnnkit reads up to {NEWEST_IR}",
            "export it again with an older version of the onnx package",
        )
    inputs = {name: _input(path, name, *stated) for name, stated in file.inputs.items()}
    wanted = {name for node in file.nodes for name in node.inputs} | set(file.outputs)
    draft = Draft(opset, inputs, file.tensors, file.unread)
    refused, lost = list[InputError](), set[str]()
    for node in _in_order(file):
        error = _refusal(draft, node, wanted, lost)
        if error is not None:
            refused.append(error)
    if refused:
        raise _all_of(path, refused)
    try:
        return draft.finish(file.outputs)
    except InputError as error:
        remedy = CORRECT if error.remedy == CORRECT else f"{error.remedy}, or {REMEDY}"
        raise InputError(path, f"{error.subject}: {error.reason}", remedy) from error


def _refusal(draft: Draft, node: FileNode, wanted: set[str], lost: set[str]) -> InputError | None:
    """Read a node; return why that cannot be, but for what follows from nodes before it.

    Args:
        draft: where it goes.
        node: the next one.
        wanted: the names of values that are used.
        lost: those of nodes that were not read, to which this one's may be added.
    """
    follows = not lost.isdisjoint(node.inputs)
    try:
        if follows and operator_of(node) not in KNOWN:
            raise InputError(_title(node), UNKNOWN, CHANGE)
        if not follows:
            _read(draft, node, wanted)
            return None
    except InputError as error:
        lost.update(node.outputs)
        return error
    lost.update(node.outputs)
    return None


def _all_of(path: Path, refused: Sequence[InputError]) -> InputError:
    """Return one error for all nodes that were not read, or for one that claims too much memory."""
    for error in refused:
        if error.remedy == SMALLER:  # ONNX Runtime would set that memory aside
            return InputError(path, f"has the {error.subject}: {error.reason}", SMALLER)
    broken = all(error.remedy == CORRECT for error in refused)
    if len(refused) > 1:
        return OperatorsError(
            path,
            f"has {len(refused)} nodes that {'are broken' if broken else 'cnnkit does not know'}",
            CORRECT if broken else f"{CHANGE}, {CARRY}, or {REMEDY}",
            [f"{error.subject}: {error.reason}" for error in refused],
        )
    (error,) = refused
    has = "has the " if error.subject.startswith("node ") else ""
    remedy = f"{CHANGE}, {CARRY}" if error.remedy == CHANGE else error.remedy
    return OperatorsError(
        path,
        f"{has}{error.subject}: {error.reason}",
        CORRECT if broken else f"{remedy}, or {REMEDY}",
    )


def operator_of(node: FileNode) -> str:
    """Return the name in the table: ONNX Runtime's own operators stand there without domain."""
    domain, _, name = node.operator.rpartition(".")
    row = OPERATORS.get(name)
    known = domain == MICROSOFT and row is not None and row.domain == MICROSOFT
    return name if known else node.operator


def _in_order(file: OnnxFile) -> list[FileNode]:
    """Return the nodes that the outputs need, each behind those that it needs itself.

    Of a cycle one node comes too early, to be refused by the name of its input.
    """
    makers: dict[str, list[FileNode]] = {}
    for node in file.nodes:
        for name in node.outputs:
            makers.setdefault(name, []).append(node)
    needed, names = set[int](), list(file.outputs)
    while names:
        for node in makers.get(names.pop(), []):
            if id(node) not in needed:
                needed.add(id(node))
                names += node.inputs
    ordered: dict[int, FileNode] = {}
    met = set[int]()
    waiting = [node for node in reversed(file.nodes) if id(node) in needed]
    while waiting:
        node = waiting[-1]
        before = [maker for name in node.inputs for maker in makers.get(name, [])]
        before = [maker for maker in before if id(maker) not in met]
        met.add(id(node))
        if before and id(node) not in ordered:
            waiting += reversed(before)
        else:
            ordered.setdefault(id(node), waiting.pop())
    return list(ordered.values())


def _read(draft: Draft, node: FileNode, wanted: set[str]) -> None:
    outputs = list(node.outputs)
    named = node.operator == "Split"  # of which the number of outputs says how large they are
    while (
        not named and len(outputs) > 1 and outputs[-1] not in wanted
    ):  # an optional one that nobody asks for
        outputs.pop()
    inputs = list(node.inputs)
    while inputs and not inputs[-1]:
        inputs.pop()
    try:
        draft.begin(operator_of(node), node.name, inputs, outputs, node.attributes)
        rule = read_sizes if takes_sizes(draft) else RULES.get(draft.operator, read_plain)
        rule(draft)
    except NodeRefusedError as error:
        remedy = CORRECT if isinstance(error, BrokenNodeError) else CHANGE
        raise InputError(_title(node), str(error), remedy) from error


def _title(node: FileNode) -> str:
    """Return what errors call a node."""
    return f"node {node.operator} {node.name or ''.join(node.outputs[:1])}".rstrip()


def _input(path: Path, name: str, dtype: str, sizes: tuple[int, ...]) -> TensorType:
    if not dtype:
        raise InputError(
            path,
            f"has the input {name}, which is not a tensor of a type that NumPy has",
            "export it again with images of float32",
        )
    if 0 in sizes[1:]:
        fixed = ",".join(str(size or letter) for size, letter in zip(sizes, "1CHW", strict=False))
        raise InputError(
            path,
            f"does not say how large its images are: axis {sizes.index(0, 1)} of {name} is free",
            "export it with a fixed image size, or fix it: python -m "
            "onnxruntime.tools.make_dynamic_shape_fixed "
            f"--input_name {name} --input_shape {fixed} OLD NEW",
        )
    shape = tuple(size or FREE for size in sizes)
    if count(shape) > LARGEST:
        raise InputError(path, f"has the input {name} of {list(shape)}: too large", REMEDY)
    return TensorType(dtype, shape)
