"""Names of nodes that come from elsewhere: `distinctly_named(nodes)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cnnkit.graph.graph import Node


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
