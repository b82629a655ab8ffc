"""An ONNX model in an older opset: `lowered = lower(model, 13); lowered.opset`.

The onnx package converts a model as a whole and gives up at the first operator for which it has no
rule, even if that looks the same in both opsets (Relu in 14 and 13). So, where it gives up, the
model goes down one opset at a time: by the package's rules, or, if they lack one, as it is. Every
model must pass ONNX's checker, and whoever calls this compares outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

Check = Callable[[Any], None]
STANDARD = ("", "ai.onnx")


class Lowered(NamedTuple):
    """How far a model came.

    Attributes:
        model: it, in the opset that it has reached.
        opset: which one that is.
        obstacle: what kept it from the next one, if it was to go further.
    """

    model: ModelProto
    opset: int
    obstacle: str = ""


def lower(model: ModelProto, opset: int) -> Lowered:
    """Convert a model to an older opset, or as far as possible."""
    check = _strictest_check(model)
    try:
        return Lowered(_converted(model, opset, check), opset)
    except Exception:  # the errors of converter and checker have no other common base class
        reached = opset_of(model)
    while reached > opset:
        try:
            model = _step(model, reached - 1, check)
        except Exception as error:  # as above
            return Lowered(model, reached, _reason(error))
        reached -= 1
    return Lowered(model, reached)


def opset_of(model: ModelProto) -> int:
    """Return the version of ONNX's own operators in a model."""
    return next((row.version for row in model.opset_import if row.domain in STANDARD), 0)


def _strictest_check(model: ModelProto) -> Check:
    """Return the strictest of ONNX's checks that the model passes, as not every good one does."""
    from onnx import checker

    for full in (True, False):
        check = partial(checker.check_model, full_check=full)
        try:
            check(model)
        except Exception:  # as above
            continue
        return check
    return lambda model: None


def _step(model: ModelProto, opset: int, check: Check) -> ModelProto:
    try:
        return _converted(model, opset, check)
    except Exception:  # as above
        return _relabelled(model, opset, check)


def _converted(model: ModelProto, opset: int, check: Check) -> ModelProto:
    from onnx import version_converter

    converted = version_converter.convert_version(model, opset)
    del converted.graph.value_info[:]  # inferred shapes are redundant, and tract rejects them
    return _cleaned(converted, opset, check)


def _relabelled(model: ModelProto, opset: int, check: Check) -> ModelProto:
    copy = type(model)()
    copy.CopyFrom(model)
    for row in copy.opset_import:
        if row.domain in STANDARD:
            row.version = opset
    return _cleaned(copy, opset, check)


def _cleaned(model: ModelProto, opset: int, check: Check) -> ModelProto:
    """Leave out attributes that the opset has not, if they say nothing, and check the model."""
    for node in _nodes(model.graph):
        if node.domain in STANDARD:
            _drop_defaults(node, opset)
    check(model)
    return model


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _drop_defaults(node: NodeProto, opset: int) -> None:
    from onnx import defs, helper

    newest = defs.get_schema(node.op_type).attributes
    known = defs.get_schema(node.op_type, opset).attributes
    for attribute in [*node.attribute]:
        name = attribute.name
        if name in known or name not in newest:
            continue
        default = newest[name].default_value
        if default.type and helper.get_attribute_value(attribute) == helper.get_attribute_value(
            default
        ):
            node.attribute.remove(attribute)


def _reason(error: Exception) -> str:
    """Return the line of an error that says what is wrong, without the place in onnx's source."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line.rpartition("Assertion `false` failed: ")[2]
