"""Graphs as canonical JSON and as a digest: `sha256(graph)` is a network's identity.

The same network gives the same text and the same digest on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.types import Array, TensorType

REMEDY = "use a file that this version of cnnkit wrote"


def to_json(graph: Graph) -> dict[str, Any]:
    """Return a graph without the values of its tensors as JSON values."""
    return {
        "inputs": [[name, *_type_to_json(type)] for name, type in graph.inputs.items()],
        "nodes": [
            {
                "operator": node.operator,
                "name": node.name,
                "inputs": list(node.inputs),
                "outputs": list(node.outputs),
                "attributes": {
                    name: list(value) if isinstance(value, tuple) else value
                    for name, value in node.attributes.items()
                },
            }
            for node in graph.nodes
        ],
        "outputs": list(graph.outputs),
        "tensors": {n: _type_to_json(TensorType.of(a)) for n, a in graph.tensors.items()},
    }


def from_json(value: Any, tensors: Mapping[str, Array], source: object) -> Graph:
    """Return the graph that `to_json` described, with its tensors.

    Args:
        value: JSON values.
        tensors: arrays by name.
        source: the file that errors shall name.

    Raises:
        InputError: they describe no graph, or one with other tensors.
    """
    try:
        nodes = tuple(
            Node(
                str(node["operator"]),
                tuple(map(str, node["inputs"])),
                tuple(map(str, node["outputs"])),
                dict(node["attributes"]),
                str(node["name"]),
            )
            for node in value["nodes"]
        )
        inputs = {str(name): _type_from_json(type) for name, *type in value["inputs"]}
        stated = {str(n): _type_from_json(type) for n, type in value["tensors"].items()}
        outputs = tuple(map(str, value["outputs"]))
        if stated != {name: TensorType.of(array) for name, array in tensors.items()}:
            raise InputError("its tensors", "are others than the graph's", REMEDY)
        return Graph(inputs, nodes, outputs, tensors)
    except InputError as error:
        raise InputError(source, f"{error.subject} {error.reason}", error.remedy) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(source, f"describes no graph ({error!r})", REMEDY) from error


def canonical(graph: Graph) -> str:
    """Return a graph as JSON text without liberties: keys sorted, no spaces, ASCII."""
    return json.dumps(to_json(graph), sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(graph: Graph) -> str:
    """Return the digest of a graph and of its tensors' values."""
    digest = hashlib.sha256(canonical(graph).encode())
    for name in sorted(graph.tensors):
        array = graph.tensors[name]
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _type_to_json(type: TensorType) -> list[Any]:
    return [type.dtype, list(type.shape)]


def _type_from_json(value: Any) -> TensorType:
    dtype, shape = value
    for size in shape:
        if type(size) not in (int, str):
            raise TypeError(f"{size!r} is not a size")
    return TensorType(str(dtype), tuple(shape))
