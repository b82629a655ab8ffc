"""Random damage of any ONNX file: `die.choice(DAMAGES)(content, die)`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import onnx
from onnx import numpy_helper


def flip(content: bytes, die: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(die.choice([1, 1, 1, 3, 20])):
        damaged[die.randrange(len(damaged))] ^= 1 << die.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, die: random.Random) -> bytes:
    return content[: die.randrange(len(content))]


def splice(content: bytes, die: random.Random) -> bytes:
    start, end = sorted(die.randrange(len(content)) for _ in range(2))
    return content[:start] + content[end:]


def edited(change: Callable[[onnx.GraphProto, random.Random], None]) -> Any:
    def damage(content: bytes, die: random.Random) -> bytes:
        found = onnx.ModelProto.FromString(content)
        change(found.graph, die)
        return found.SerializeToString()

    return damage


def drop_node(graph: onnx.GraphProto, die: random.Random) -> None:
    del graph.node[die.randrange(len(graph.node))]


def swap_nodes(graph: onnx.GraphProto, die: random.Random) -> None:
    first, second = (die.choice(graph.node) for _ in range(2))
    copy = onnx.NodeProto.FromString(first.SerializeToString())
    first.CopyFrom(second)
    second.CopyFrom(copy)


def rewire(graph: onnx.GraphProto, die: random.Random) -> None:
    node = die.choice(graph.node)
    values = [name for each in graph.node for name in (*each.input, *each.output)]
    node.input[die.randrange(len(node.input))] = die.choice([*values, "", "nothing"])


def rename_tensor(graph: onnx.GraphProto, die: random.Random) -> None:
    die.choice(graph.initializer).name = die.choice(["other", "", "x", "c"])


def reshape_tensor(graph: onnx.GraphProto, die: random.Random) -> None:
    tensor = die.choice(graph.initializer)
    array = numpy_helper.to_array(tensor)
    shapes = [(array.size,), (1, array.size), (array.size, 1, 1, 1), array.shape[::-1]]
    tensor.CopyFrom(numpy_helper.from_array(array.reshape(die.choice(shapes)), tensor.name))


def change_numbers(graph: onnx.GraphProto, die: random.Random) -> None:
    tensor = die.choice(graph.initializer)
    array = numpy_helper.to_array(tensor).copy()
    array.reshape(-1)[die.randrange(array.size)] = die.choice([0, 1, 3, 2**20])
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def change_attribute(graph: onnx.GraphProto, die: random.Random) -> None:
    node = die.choice([node for node in graph.node if node.attribute])
    attribute = die.choice(node.attribute)
    number = die.choice([-(2**63), -(2**31), -1, 0, 1, 2, 7, 2**20, 2**31, 2**40, 2**63 - 1])
    if attribute.ints:
        attribute.ints[die.randrange(len(attribute.ints))] = number
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = die.choice([0.0, -1.0, 1e38, float("inf"), float("nan")])
    else:
        attribute.i = number


def change_size(graph: onnx.GraphProto, die: random.Random) -> None:
    size = die.choice(graph.input[0].type.tensor_type.shape.dim)
    size.dim_value = die.choice([-1, 0, 1, 2, 2**20, 2**31, 2**62])


DAMAGES = (
    flip, flip, flip, truncate, splice,
    *map(edited, (drop_node, swap_nodes, rewire, rename_tensor, reshape_tensor, change_numbers,
                  change_attribute, change_attribute, change_attribute, change_size)),
)  # fmt: skip
