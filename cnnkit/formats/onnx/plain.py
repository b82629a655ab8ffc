"""A node of a file that has the graph's form but for what a rule has found: `read_plain(draft)`."""

from __future__ import annotations

from typing import Any

from cnnkit.formats.onnx.draft import Draft, NodeRefusedError
from cnnkit.formats.onnx.protobuf import Attribute
from cnnkit.graph.operators.quantised import MICROSOFT
from cnnkit.graph.operators.table import OPERATORS


def read_plain(draft: Draft, **attributes: Any) -> None:
    """Add the node as it stands, with attributes that a rule has found."""
    row = OPERATORS.get(draft.operator)
    if row is None or row.domain not in ("", MICROSOFT):  # ours have no place in files
        raise NodeRefusedError("cnnkit does not know this operator")
    for name, raw in draft.attributes.items():
        default = row.defaults.get(name)
        if default is None:
            raise NodeRefusedError(f"its attribute {name} is unknown")
        attributes[name] = _value(
            name, raw, default if isinstance(default, type) else type(default)
        )
    draft.add(draft.operator, draft.inputs, draft.outputs, attributes)


def _value(name: str, raw: Attribute, kind: type) -> Any:
    if kind is tuple and isinstance(raw, list):
        return tuple(raw)
    if type(raw) is kind:
        return raw
    raise NodeRefusedError(f"its attribute {name} is not of type {kind.__name__}")
