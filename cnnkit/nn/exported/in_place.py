"""What nodes of a torch.export program change in place: `followed(program)`, or None.

Most modules have ReLUs that work in place. Where such a node changes a whole value, what reads that
value later simply reads the node's result.
"""

from __future__ import annotations

import torch
from torch.export import ExportedProgram

Node = torch.fx.Node
# In inference they return their very input, though their schemas do not say so.
IDLE = {f"aten::{n}dropout" for n in ("", "feature_", "alpha_", "feature_alpha_")}
TRAINS = 2  # which of their arguments says that it is training


def followed(program: ExportedProgram) -> dict[Node, list[Node]] | None:
    """Return the nodes whose values each in-place node changes.

    None if one of them changes a part of a value, or one that others see through a view: then only
    PyTorch's own decomposition can tell what is read later.
    """
    roots: dict[Node, Node] = {}  # of a node's result, the one whose memory it is
    same: dict[Node, list[Node]] = {}  # by that, all whose result it is
    viewed: set[Node] = set()
    changed: dict[Node, list[Node]] = {}
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        if not _writes(node):
            if _shares(node):
                viewed |= {roots.get(each, each) for each in node.all_input_nodes}
            continue
        target = _target(node)
        root = None if target is None else roots.get(target, target)
        if root is None or root in viewed or _shares(root):
            return None
        changed[node] = same.setdefault(root, [root])
        roots[node] = root
        same[root] = [*same[root], node]
    return changed


def _writes(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and bool(schema.is_mutable) and not _is_idle(node)


def _is_idle(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    known = schema is not None and schema.name.removesuffix("_") in IDLE
    return known and not any(node.args[TRAINS:])


def _target(node: Node) -> Node | None:
    """Return the only value that an in-place node writes into; None if it is another argument."""
    schema = getattr(node.target, "_schema", None)
    arguments = schema.arguments if schema is not None else []
    written = [a.alias_info is not None and a.alias_info.is_write for a in arguments]
    first = node.args[0] if node.args else None
    only = written[:1] == [True] and sum(written) == 1
    return first if only and isinstance(first, Node) else None


def _shares(node: Node) -> bool:
    """Tell whether a node's result may lie in memory that is not its own."""
    if node.op != "call_function":
        return True
    schema = getattr(node.target, "_schema", None)
    if schema is None:  # an item of several results
        return any(map(_shares, node.all_input_nodes))
    return _is_idle(node) or any(each.alias_info is not None for each in schema.returns)
