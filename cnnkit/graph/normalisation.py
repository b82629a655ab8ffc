"""Mean and standard deviation of scaled pixels, in a graph: `normalise(graph, mean, std)`.

The steps are (x * 1/255 - mean) / std, each rounded to float32, in training and in every file.
They are not folded into the first convolution, whose padding is zeros of normalised pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.passes.rewriting import consumers, drop_unused, single_consumer

MEAN, STD = "pixel_mean", "pixel_std"  # tensors float32 [C, 1, 1]
PIXELS = "pixels"  # from 0 to 1
CENTRED, NORMALISED = "pixels_centred", "pixels_normalised"  # values


@dataclass(frozen=True, eq=False)
class Normalisation:
    """What is done to pixels from 0 to 1.

    Attributes:
        mean: float32 [C, 1, 1], subtracted.
        std: likewise, divided by after that.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    @property
    def numbers(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel."""
        mean, std = (tuple(map(float, array.ravel())) for array in (self.mean, self.std))
        return mean, std

    def of_pixels(self, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Return normalised images, of raw pixels uint8 or scaled ones float32 [..., C, H, W].

        Of another number of channels, they are as they were, for the network to refuse.
        """
        x = images.astype(np.float32)
        if images.dtype == np.uint8:
            x *= np.float32(PIXEL_SCALE)
        mean, std = self.mean, self.std
        if len(mean) == 1:  # of one channel, whose axis images may leave out
            mean, std = mean.reshape(()), std.reshape(())
        elif x.ndim < 3 or x.shape[-3] != len(mean):
            return x
        x -= mean
        x /= std
        return x


def normalise(graph: Graph, mean: tuple[float, ...], std: tuple[float, ...]) -> Graph:
    """Return a graph of the contract that normalises its scaled pixels, channel by channel."""
    value, at = _scaled(graph)
    nodes = [
        replace(node, inputs=tuple(NORMALISED if name == value else name for name in node.inputs))
        for node in graph.nodes
    ]
    if at:  # a file that takes scaled pixels no longer knows another name
        nodes[at - 1] = replace(nodes[at - 1], outputs=(PIXELS,), name=PIXELS)
        value = PIXELS
    steps = (
        Node("Sub", (value, MEAN), (CENTRED,), {}, CENTRED),
        Node("Div", (CENTRED, STD), (NORMALISED,), {}, NORMALISED),
    )
    tensors = {
        name: np.array(numbers, np.float32).reshape(-1, 1, 1)
        for name, numbers in ((MEAN, mean), (STD, std))
    }
    whole = (*nodes[:at], *steps, *nodes[at:])
    return Graph(graph.inputs, whole, graph.outputs, {**tensors, **graph.tensors})


def take_off(graph: Graph) -> tuple[Normalisation | None, Graph]:
    """Return what a graph does to its scaled pixels, and the graph that takes them as they are.

    A graph that does not normalise them is returned itself.
    """
    if len(graph.inputs) != 1:
        return None, graph
    value, _ = _scaled(graph)
    users = consumers(graph)
    centred = single_consumer(graph, users, value)
    divided = centred and single_consumer(graph, users, centred.outputs[0])
    if centred is None or divided is None:
        return None, graph
    mean, std = (_constant(graph, node, op) for node, op in ((centred, "Sub"), (divided, "Div")))
    if mean is None or std is None:
        return None, graph
    nodes = [
        replace(node, inputs=tuple(value if n == divided.outputs[0] else n for n in node.inputs))
        for node in graph.nodes
        if node not in (centred, divided)
    ]
    rest = drop_unused(Graph(graph.inputs, tuple(nodes), graph.outputs, graph.tensors))
    return Normalisation(mean, std), rest


def _scaled(graph: Graph) -> tuple[str, int]:
    """Return the value of the scaled pixels, and how many nodes make it: Cast and Mul, or none."""
    ((value, images),) = graph.inputs.items()
    if images.dtype != "uint8":
        return value, 0
    for at, (node, operator) in enumerate(zip(graph.nodes, ("Cast", "Mul"), strict=False)):
        if node.operator != operator or value not in node.inputs:
            return value, at
        value = node.outputs[0]
    return value, 2


def _constant(graph: Graph, node: Node, operator: str) -> NDArray[np.float32] | None:
    """Return the numbers that a node subtracts or divides by, None if it is another node."""
    if node.operator != operator or node.inputs[1] not in graph.tensors:
        return None
    array = graph.tensors[node.inputs[1]]
    return array if array.ndim == 3 and array.shape[1:] == (1, 1) else None
