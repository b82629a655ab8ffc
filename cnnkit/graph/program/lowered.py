"""The state of a lowering: values by name, buffers, constants and the steps so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.program.steps import Number, Place, Step, Value
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import FREE, Array

CHANNELS_LAST = (1, 2, 0)  # of [C, H, W]
MOST_AXES = 5  # of an image that is copied

REMEDY = "export this network with `--format onnx`"


class Lowered:
    """A program under construction.

    Args:
        graph: the network; its nodes are lowered in their order.
        stored: arrays to pack instead of parameters, by name.
    """

    def __init__(self, graph: Graph, stored: Mapping[str, Array]) -> None:
        self.graph, self.stored = graph, stored
        self.types = infer_types(graph)
        self.values: dict[str, Value] = {}
        self.sizes: list[int] = []
        self.constants: dict[str, Array] = {}
        self.steps: list[Step] = []
        self.title = ""
        self.readers: dict[int, int] = {}  # how many nodes still take a buffer
        self.takers = dict.fromkeys(self.types, 0)
        for node in graph.nodes:
            for name in node.inputs:
                if name:
                    self.takers[name] += 1
        for name in graph.outputs:
            self.takers[name] += 1

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the sizes of a value for one image."""
        shape = self.types[name].shape
        return tuple(int(size) for size in shape if size != FREE)

    def new(self, shape: tuple[int, ...], order: tuple[int, ...] | None) -> Value:
        """Return a value in a buffer of its own; None is the order of the axes."""
        axes = tuple(range(len(shape))) if order is None else order
        value = Value(shape, axes, len(self.sizes))
        self.sizes.append(value.size)
        return value

    def constant(self, role: str, array: Array) -> str:
        """Keep an array that a step reads; return its name."""
        name = f"{role}{len(self.steps)}"
        self.constants[name] = array
        return name

    def parameter(self, name: str) -> Array:
        """Return a parameter, or what is to be packed instead of it.

        Raises:
            InputError: it is computed.
        """
        if name not in self.graph.tensors:
            raise InputError(self.title, f"its parameter {name} is not a constant", REMEDY)
        return self.stored.get(name, self.graph.tensors[name])

    def call(
        self,
        kernel: str,
        fields: Mapping[str, Number],
        inputs: Iterable[Place],
        output: Value,
        macc: int = 0,
    ) -> None:
        """Add a step."""
        assert isinstance(output.place, int)
        place, shape = output.place, output.shape
        self.steps.append(Step(kernel, dict(fields), tuple(inputs), place, shape, self.title, macc))

    def name(self, name: str, value: Value) -> None:
        """Give a value its name, by which later nodes take it."""
        self.values[name] = value
        if isinstance(value.place, int):
            self.readers[value.place] = self.readers.get(value.place, 0) + self.takers[name]

    def done(self, node: Node) -> None:
        """Note that a node has taken its inputs."""
        for name in node.inputs:
            value = self.values.get(name)
            if value is not None and isinstance(value.place, int):
                self.readers[value.place] -= 1

    def is_last_reader(self, node: Node, value: Value) -> bool:
        """Tell whether nothing needs a buffer after a node, which may write over it."""
        mine = sum(
            self.values[name].place == value.place for name in node.inputs if name in self.values
        )
        return isinstance(value.place, int) and self.readers.get(value.place, 0) == mine

    def input(self, node: Node, index: int = 0) -> Value:
        """Return an input that is computed, or a constant as a value."""
        name = node.inputs[index]
        if name in self.values:
            return self.values[name]
        array = np.asarray(self.graph.tensors[name], np.float32)
        return Value(
            array.shape, tuple(range(array.ndim)), self.constant(f"constant{index}_", array.ravel())
        )

    def images(self, node: Node, index: int = 0) -> Value:
        """Return an input as [H][W][C], or refuse the node."""
        value = self.values.get(node.inputs[index])
        if value is None or len(value.shape) != 3:
            raise node.refused(f"its input is {self.types[node.inputs[index]]}, not images")
        return self.as_order(value, CHANNELS_LAST)

    def as_order(self, value: Value, order: tuple[int, ...] | None) -> Value:
        """Return a value whose elements lie in an order, copied where they do not."""
        axes = tuple(range(len(value.shape))) if order is None else order
        if value.lies_as(axes):
            return Value(value.shape, axes, value.place)
        if value.images:  # of one axis
            images = self.as_order(Value(value.images, CHANNELS_LAST, value.place), None)
            return Value(value.shape, axes, images.place)
        made = self.new(value.shape, axes)
        self.copy(value, made, value.shape, value.steps, made.steps)
        return made

    def copy(
        self,
        x: Value,
        y: Value,
        shape: tuple[int, ...],
        steps_x: tuple[int, ...],
        steps_y: tuple[int, ...],
        starts: tuple[int, int] = (0, 0),
    ) -> None:
        """Add a step that copies elements; both have a step for each axis."""
        axes = _joined(shape, steps_x, steps_y)
        fields: dict[str, Number] = {
            name: tuple(row)
            for name, row in zip(("size", "x", "y"), zip(*axes, strict=True), strict=True)
        }
        fields |= dict(zip(("start_x", "start_y"), starts, strict=True))
        self.call("copy", fields, (x.place,), y)


def _joined(
    shape: tuple[int, ...], x: tuple[int, ...], y: tuple[int, ...]
) -> list[tuple[int, int, int]]:
    """Return MOST_AXES axes, of which those that lie behind one another are one.

    They are in y's order, so that the fastest one writes neighbours.
    """
    found: list[tuple[int, int, int]] = []
    rows = sorted(zip(shape, x, y, strict=True), key=lambda row: -row[2])
    for size, step_x, step_y in rows:
        if size == 1:
            continue
        if found and found[-1][1] == size * step_x and found[-1][2] == size * step_y:
            found[-1] = (found[-1][0] * size, step_x, step_y)
        else:
            found.append((size, step_x, step_y))
    return [(1, 0, 0)] * (MOST_AXES - len(found)) + found
