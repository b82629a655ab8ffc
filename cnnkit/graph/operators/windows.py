"""Sizes and views of the windows that convolutions and pools slide over their inputs.

`view(padded, window)` is [N, C, H, W, kernel H, kernel W]; ONNX's formulas, for any number of axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnkit.graph.operators.base import SMALLER, need
from cnnkit.graph.types import LARGEST, Array, Shape, TensorType, count

# Two axes are the rule; a node of one or three gives its own.
DEFAULTS: dict[str, Any] = {
    "kernel_shape": tuple,
    "strides": (1, 1),
    "pads": (0, 0, 0, 0),
    "dilations": (1, 1),
}


class Window(NamedTuple):
    """A window and how it moves, per spatial axis; pads are those before, then those after."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    ceil: bool = False

    @classmethod
    def of(cls, attributes: Mapping[str, Any], prefix: str = "") -> Window:
        """Return the window of a node's attributes."""
        kernel = attributes[f"{prefix}kernel_shape"]
        return cls(
            kernel,
            attributes[f"{prefix}strides"],
            attributes[f"{prefix}pads"],
            attributes.get(f"{prefix}dilations", (1,) * len(kernel)),
            bool(attributes.get("ceil_mode", 0)),
        )

    @property
    def extents(self) -> tuple[int, ...]:
        """From a window's first element to its last."""
        steps = zip(self.kernel, self.dilations, strict=True)
        return tuple((size - 1) * dilation + 1 for size, dilation in steps)


def output_sizes(window: Window, input: TensorType) -> tuple[int, ...]:
    """Return the spatial sizes after a window has slid over an input [N, C, H, W].

    Raises:
        NodeError: the attributes contradict one another or the input, or leave nothing of it.
    """
    rank = len(window.kernel)
    need(
        len(input.shape) == rank + 2 and rank > 0,
        f"its window has {rank} axes, and its input is {input}",
    )
    need(len(window.strides) == rank, f"its strides are not {rank}")
    need(len(window.dilations) == rank, f"its dilations are not {rank}")
    need(len(window.pads) == 2 * rank, f"its pads are not {2 * rank}")
    need(min(window.kernel) > 0, f"its kernel_shape {list(window.kernel)} is not positive")
    need(min(window.strides) > 0, f"its strides {list(window.strides)} are not positive")
    need(min(window.dilations) > 0, f"its dilations {list(window.dilations)} are not positive")
    need(min(window.pads) >= 0, f"its pads {list(window.pads)} are negative")
    inputs = fixed(input.shape[2:])
    sizes = tuple(_output_size(window, axis, size) for axis, size in enumerate(inputs))
    pads = zip(inputs, window.pads[:rank], window.pads[rank:], strict=True)
    channels = count(input.shape[1:2])
    need(
        channels * math.prod(map(sum, pads)) <= LARGEST,
        f"its window {list(window.kernel)} with pads {list(window.pads)} is too large",
        SMALLER,
    )
    return sizes


def _output_size(window: Window, axis: int, size: int) -> int:
    rank = len(window.kernel)
    stride, before, after = window.strides[axis], window.pads[axis], window.pads[axis + rank]
    span = size + before + after
    free = span - window.extents[axis]
    need(free >= 0, f"its window of {window.extents[axis]} is larger than its input of {span}")
    if not window.ceil:
        return free // stride + 1
    steps = -(-free // stride) + 1
    # A window that would begin in the padding behind the image is not counted (ONNX from 19 on).
    return steps - 1 if (steps - 1) * stride >= size + before else steps


def fixed(sizes: Shape) -> tuple[int, ...]:
    """Return spatial sizes, which must be known and not nothing."""
    known = tuple(size for size in sizes if isinstance(size, int))
    need(
        len(known) == len(sizes) and min(known, default=1) > 0,
        f"its input has the spatial sizes {list(sizes)}, which are not all known",
        "export the model with a fixed image size",
    )
    return known


def padded(array: Array, window: Window, fill: Any) -> Array:
    """Return an input with its padding, and what a last window needs beyond it (ceil_mode)."""
    rank = len(window.kernel)
    outputs = output_sizes(window, TensorType(array.dtype.name, array.shape))
    around = [(0, 0), (0, 0)]
    for axis in range(rank):
        before, after = window.pads[axis], window.pads[axis + rank]
        reach = (outputs[axis] - 1) * window.strides[axis] + window.extents[axis]
        around.append((before, max(after, reach - before - array.shape[2 + axis])))
    return np.pad(array, around, constant_values=fill)


def view(array: Array, window: Window) -> Array:
    """Return a padded input's windows, [N, C, spatial sizes..., kernel...], without a copy."""
    rank = len(window.kernel)
    windows = sliding_window_view(array, window.extents, tuple(range(2, 2 + rank)))
    steps = [slice(None, None, stride) for stride in window.strides]
    inside = [slice(None, None, dilation) for dilation in window.dilations]
    found: Array = windows[(slice(None), slice(None), *steps, *inside)]
    return found
