"""Operators of graphs that move, repeat or interpolate elements, in PyTorch."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnkit.graph.operators.convolution import transposed_sizes
from cnnkit.graph.operators.resizing import Axis, resized, taps
from cnnkit.graph.operators.windows import Window
from cnnkit.nn.graphs.windows import Attributes, Function, Inputs, optional, tensor

TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


def transposed(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return each element times the kernel at its place; what is padding is cut off."""
    window, more = Window.of(attributes), attributes["output_padding"]
    x, w, b = tensor(inputs, 0), tensor(inputs, 1), optional(inputs, 2)
    rank = len(window.kernel)
    before, after = window.pads[:rank], window.pads[rank:]
    convolution = TRANSPOSED[rank - 1]
    strides, dilations, group = list(window.strides), list(window.dilations), attributes["group"]
    if before == after and all(
        m < max(s, d) for m, s, d in zip(more, strides, dilations, strict=True)
    ):
        return [convolution(x, w, b, strides, list(before), list(more), group, dilations)]
    y = convolution(x, w, b, strides, 0, 0, group, dilations)
    sizes = transposed_sizes(attributes, tuple(map(int, x.shape[2:])))
    listed: list[int] = []
    for axis in reversed(range(rank)):
        listed += [-before[axis], before[axis] + sizes[axis] - int(y.shape[2 + axis])]
    if b is not None and max(listed) > 0:  # what is put behind has the bias, too
        shift = b.reshape(1, -1, *[1] * rank)
        return [F.pad(y - shift, listed) + shift]
    return [F.pad(y, listed)]


def resize(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x with other sizes: by PyTorch's own function, where that computes the same."""
    y = tensor(inputs, 0)
    constants = [None if value is None else value.cpu().numpy() for value in inputs]
    shape = (*(int(size) for size in y.shape),)
    rows = resized(attributes, shape, constants)
    mode = _torch_mode(attributes, rows, y)
    if mode:
        sizes = {row.axis: row.after for row in rows}
        after = [sizes.get(axis, shape[axis]) for axis in range(2, y.ndim)]
        corners = attributes["coordinate_transformation_mode"] == "align_corners"
        return [F.interpolate(y, after, mode=mode, align_corners=corners or None)]
    for row in rows:
        places, weights = (torch.from_numpy(array) for array in taps(attributes, row))
        sides = [-1 if axis == row.axis else 1 for axis in range(y.ndim)]
        parts = [
            y.index_select(row.axis, places[:, i].to(y.device))
            * weights[:, i].to(y.device, y.dtype).reshape(sides)
            for i in range(places.shape[1])
        ]
        y = sum(parts[1:], parts[0])
    return [y]


def _torch_mode(attributes: Attributes, rows: list[Axis], x: Tensor) -> str:
    """Return the mode of F.interpolate that computes the same; empty where none does."""
    images = x.ndim == 4 and all(row.axis > 1 for row in rows)
    exact = all(math.isclose(row.scale * row.before, row.after, rel_tol=1e-6) for row in rows)
    if not images or not exact or attributes["exclude_outside"]:
        return ""
    mode = attributes["mode"], attributes["coordinate_transformation_mode"]
    whole = all(row.after % row.before == 0 for row in rows)
    if mode == ("nearest", "asymmetric") and attributes["nearest_mode"] == "floor" and whole:
        return "nearest"
    single = any(row.after == 1 for row in rows)  # of which PyTorch takes the middle
    if mode[1] not in ("half_pixel", "align_corners", *(() if single else ("pytorch_half_pixel",))):
        return ""
    if mode[0] == "linear":
        return "bilinear"
    return "bicubic" if mode[0] == "cubic" and attributes["cubic_coeff_a"] == -0.75 else ""


def gather(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return the parts of an axis that indices name; negative ones count from the end."""
    x, indices = tensor(inputs, 0), tensor(inputs, 1)
    axis = attributes["axis"] % x.ndim
    size = int(x.shape[axis])
    named = torch.tensor([int(i) % size for i in indices.reshape(-1).tolist()], device=x.device)
    y = x.index_select(axis, named.to(torch.int64))
    return [y.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])]


def expand(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x, repeated along axes of size 1."""
    x, wanted = tensor(inputs, 0), tensor(inputs, 1).tolist()
    more = max(0, len(wanted) - x.ndim)
    wanted = [1] * (x.ndim - len(wanted)) + wanted
    axes = range(more, len(wanted))
    kept = [-1 if axis in axes and size == 1 else size for axis, size in enumerate(wanted)]
    return [x.reshape(*[1] * more, *x.shape).expand(kept)]


def tile(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return x, repeated as a whole along each axis."""
    return [tensor(inputs, 0).repeat(tensor(inputs, 1).tolist())]


def to_space(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return channels put into blocks of pixels."""
    x, block = tensor(inputs, 0), attributes["blocksize"]
    if attributes["mode"] == "CRD":
        return [F.pixel_shuffle(x, block)]
    channels, height, width = map(int, x.shape[1:])
    parts = x.reshape(-1, block, block, channels // block**2, height, width)
    y = parts.permute(0, 3, 4, 1, 5, 2)
    return [y.reshape(-1, channels // block**2, height * block, width * block)]


def to_depth(attributes: Attributes, inputs: Inputs, training: bool) -> list[Any]:
    """Return blocks of pixels put into channels."""
    x, block = tensor(inputs, 0), attributes["blocksize"]
    if attributes["mode"] == "CRD":
        return [F.pixel_unshuffle(x, block)]
    channels, height, width = map(int, x.shape[1:])
    parts = x.reshape(-1, channels, height // block, block, width // block, block)
    y = parts.permute(0, 3, 5, 1, 2, 4)
    return [y.reshape(-1, channels * block**2, height // block, width // block)]


MOVING: dict[str, Function] = {
    "ConvTranspose": transposed,
    "DepthToSpace": to_space,
    "Expand": expand,
    "Gather": gather,
    "Resize": resize,
    "SpaceToDepth": to_depth,
    "Tile": tile,
}
