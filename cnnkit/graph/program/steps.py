"""What a lowered graph is made of: `Program(steps, ...)`, whose kernels are those of the C format.

Values are arrays of float32 for one image; those of [C, H, W] lie as [H][W][C].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from cnnkit.graph.types import Array

Number = int | float | tuple[int, ...]
Place = int | str | None  # a buffer's number, a constant's name, or an argument that is not there
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Value:
    """A tensor of one image in a buffer.

    Attributes:
        shape: its sizes, without the number of images.
        order: its axes from the slowest to the fastest, as they lie in memory.
        place: the buffer, or the constant.
        images: [C, H, W] if it is images that were flattened, and still lie as [H][W][C].
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    place: int | str
    images: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def steps(self) -> tuple[int, ...]:
        """Elements in memory from one to the next along each axis."""
        found, step = [0] * len(self.shape), 1
        for axis in reversed(self.order):
            found[axis] = step
            step *= self.shape[axis]
        return tuple(found)

    def lies_as(self, order: tuple[int, ...]) -> bool:
        """Tell whether its elements lie as they would with another order of the axes."""
        return not self.images and self._moved(self.order) == self._moved(order)

    def _moved(self, order: tuple[int, ...]) -> list[int]:
        return [axis for axis in order if self.shape[axis] > 1]


@dataclass(frozen=True)
class Step:
    """One call of a kernel.

    Attributes:
        kernel: its name, and that of its structure.
        numbers: the structure's fields, in their order.
        inputs: its arguments after the structure.
        output: the buffer that it writes.
        shape: the sizes of what it computes.
        node: the node that it is of, for people.
        macc: its multiplications that are added up.
    """

    kernel: str
    numbers: Mapping[str, Number]
    inputs: tuple[Place, ...]
    output: int
    shape: tuple[int, ...]
    node: str
    macc: int = 0

    @property
    def buffers(self) -> set[int]:
        """The buffers that it reads or writes."""
        return {place for place in (*self.inputs, self.output) if isinstance(place, int)}


@dataclass(frozen=True)
class Program:
    """A graph as steps; the first one takes the raw pixels of an image.

    Attributes:
        steps: in the order of execution.
        constants: what steps read, by name.
        sizes: floats of each buffer.
        offsets: where each buffer begins in the arena; buffers that are not needed at the same
            time share floats.
        arena: floats of the arena.
        result: where the logits are.
    """

    steps: tuple[Step, ...]
    constants: Mapping[str, Array] = field(repr=False)
    sizes: tuple[int, ...]
    offsets: tuple[int, ...]
    arena: int
    result: int

    def live(self, index: int) -> list[int]:
        """Return the buffers that hold something during a step."""
        before = set().union(*(step.buffers for step in self.steps[: index + 1]))
        after = set().union({self.result}, *(step.buffers for step in self.steps[index:]))
        return sorted(before & after)

    @property
    def macc(self) -> int:
        """Multiplications that are added up, of one image."""
        return sum(step.macc for step in self.steps)

    @property
    def constant_bytes(self) -> int:
        """Bytes of all constants."""
        return FLOAT * sum(array.size for array in self.constants.values())
