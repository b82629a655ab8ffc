"""PyTorch's operators that repeat, turn or resample, as rules of `cnnkit.nn.exported.operators`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cnnkit.graph.types import FREE
from cnnkit.nn.exported.draft import Draft, Given, NotReadError, pairs

Rule = Callable[[Draft, Given], str]


def transposed_convolution(draft: Draft, given: Given) -> str:
    """Read a transposed convolution."""
    kernel = tuple(int(size) for size in draft.types[given["weight"]].shape[2:])
    rank = len(kernel)
    parameters = [given["weight"], *([given["bias"]] if given["bias"] else [])]
    return draft.add(
        "ConvTranspose",
        [given["input"], *parameters],
        kernel_shape=kernel,
        strides=pairs(given["stride"], rank),
        pads=pairs(given["padding"], rank) * 2,
        dilations=pairs(given["dilation"], rank),
        output_padding=pairs(given["output_padding"], rank),
        group=given["groups"],
    )


def upsample(mode: str, **attributes: Any) -> Rule:
    """Return the rule of images made larger or smaller."""

    def rule(draft: Draft, given: Given) -> str:
        x, chosen = given["input"], dict(attributes)
        before, after = draft.types[x].shape[2:], draft.shape[2:]
        if len(after) != 2 or FREE in after:
            raise NotReadError("its sizes are not two that are known")
        if given.get("align_corners"):
            chosen["coordinate_transformation_mode"] = "align_corners"
        factors = given.get("scale_factors") or [given.get(f"scales_{axis}") for axis in "hw"]
        sizes = zip(before, after, factors, strict=True)
        stated = all(f for f in factors) and not given.get("align_corners")
        if stated and any(int(b) * f != a for b, a, f in sizes):  # its own scale, not that of sizes
            names = ["", draft.tensor("scales", factors)]
        else:
            names = ["", "", draft.tensor("sizes", [int(size) for size in after], "int64")]
        return draft.add("Resize", [x, *names], mode=mode, axes=(2, 3), **chosen)

    return rule


def select(draft: Draft, given: Given) -> str:
    """Read one place of an axis, which is left out then."""
    axis = _axis(draft, given)
    index = draft.tensor("index", given["index"], "int64")
    return draft.add("Gather", [given["input"], index], axis=axis)


def index_by(draft: Draft, given: Given) -> str:
    """Read the places of one axis that a constant names."""
    named = [each for each in given["indices"] if each is not None]
    places = draft.constant(named[0]) if len(named) == 1 else None
    if places is None:
        raise NotReadError("its indices are not one constant list")
    axis = next(i for i, each in enumerate(given["indices"]) if each is not None)
    if places.dtype.kind != "i" or axis == 0:
        raise NotReadError("it takes images, or what a mask says")
    return draft.add("Gather", [given["input"], draft.tensor("places", places, "int64")], axis=axis)


def _axis(draft: Draft, given: Given) -> int:
    axis: int = given["dim"] % len(draft.types[given["input"]].shape)
    if axis == 0:
        raise NotReadError("it takes images apart")
    return axis


def expand(draft: Draft, given: Given) -> str:
    """Read elements that are repeated along axes of size 1."""
    x = given["input"]
    before, after = draft.types[x].shape, draft.shape
    if before == after:
        return str(x)
    if FREE in after and before[:1] != (FREE,):
        raise NotReadError("it repeats a constant for each image")
    sizes = [1 if size == FREE else int(size) for size in after]
    return draft.add("Expand", [x, draft.tensor("shape", sizes, "int64")])


def repeat(draft: Draft, given: Given) -> str:
    """Read x, repeated as a whole along axes."""
    x = given["input"]
    before, after = draft.types[x].shape, draft.shape
    if len(before) != len(after) or before[0] != after[0]:
        raise NotReadError("it repeats images, or adds axes")
    repeats = [1, *(int(a) // int(b) for b, a in zip(before[1:], after[1:], strict=True))]
    return draft.add("Tile", [x, draft.tensor("repeats", repeats, "int64")])


def flip(draft: Draft, given: Given) -> str:
    """Read axes backwards."""
    x = given["input"]
    axes = [axis % len(draft.types[x].shape) for axis in pairs(given["dims"], 1)]
    if 0 in axes:
        raise NotReadError("it turns the images' order")
    rows = {"starts": [-1] * len(axes), "ends": [-(2**63)] * len(axes), "axes": axes}
    rows["steps"] = [-1] * len(axes)
    return draft.add("Slice", [x, *(draft.tensor(n, v, "int64") for n, v in rows.items())])


def roll(draft: Draft, given: Given) -> str:
    """Read axes whose end comes first, one after another."""
    x, rank = given["input"], len(draft.types[given["input"]].shape)
    shifts, axes = pairs(given["shifts"], 1), pairs(given["dims"], 1)
    if not axes or 0 in [axis % rank for axis in axes]:
        raise NotReadError("it rolls images")
    for shift, axis in zip(shifts, axes, strict=True):
        size = int(draft.types[x].shape[axis])
        places = [(place - shift) % size for place in range(size)]
        x = draft.add("Gather", [x, draft.tensor("places", places, "int64")], axis=axis % rank)
    return str(x)


def stack(draft: Draft, given: Given) -> str:
    """Read tensors behind one another along an axis of their own."""
    axis = given["dim"] % len(draft.shape)
    if axis == 0:
        raise NotReadError("it joins images")
    axes, parts = draft.tensor("axes", [axis], "int64"), []
    for x in given["tensors"]:
        parts.append(draft.add_as(draft.free(f"{draft.name}.part"), "Unsqueeze", [x, axes]))
    return draft.add("Concat", parts, axis=axis)


def pixel_shuffle(draft: Draft, given: Given) -> str:
    """Read channels put into blocks of pixels."""
    block = given["upscale_factor"]
    return draft.add("DepthToSpace", [given["input"]], blocksize=block, mode="CRD")


def pixel_unshuffle(draft: Draft, given: Given) -> str:
    """Read blocks of pixels put into channels."""
    block = given["downscale_factor"]
    _, channels, height, width = draft.types[given["input"]].shape
    sides = [int(height) // block, block, int(width) // block, block]
    return _rearranged(draft, given["input"], [int(channels), *sides], (0, 1, 3, 5, 2, 4))


def channel_shuffle(draft: Draft, given: Given) -> str:
    """Read channels of groups, of which each gives one in turn."""
    _, channels, *sides = draft.types[given["input"]].shape
    groups = given["groups"]
    sizes = [groups, int(channels) // groups, *map(int, sides)]
    return _rearranged(draft, given["input"], sizes, (0, 2, 1, *range(3, len(sizes) + 1)))


def _rearranged(draft: Draft, x: str, sizes: Sequence[int], order: tuple[int, ...]) -> str:
    """Add a Reshape, a Transpose, and a Reshape to the result's shape; images stay first."""
    names = [draft.free(f"{draft.name}.{part}") for part in ("apart", "turned")]
    draft.add_as(names[0], "Reshape", [x, draft.tensor("sizes", [-1, *sizes], "int64")])
    draft.add_as(names[1], "Transpose", [names[0]], perm=order)
    after = [-1, *(int(size) for size in draft.shape[1:])]
    return draft.add("Reshape", [names[1], draft.tensor("shape", after, "int64")])


NEAREST = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
EXACT = {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"}
RULES: dict[str, Rule] = {
    "aten.conv_transpose2d": transposed_convolution,
    "aten.upsample_nearest2d": upsample("nearest", **NEAREST),
    "aten._upsample_nearest_exact2d": upsample("nearest", **EXACT),
    "aten.upsample_bilinear2d": upsample("linear"),
    "aten.upsample_bicubic2d": upsample("cubic"),
    "aten.select": select,
    **dict.fromkeys(("aten.index", "aten._unsafe_index"), index_by),
    **dict.fromkeys(("aten.expand", "aten.expand_as"), expand),
    **dict.fromkeys(("aten.repeat", "aten.tile"), repeat),
    "aten.flip": flip,
    "aten.roll": roll,
    "aten.stack": stack,
    "aten.pixel_shuffle": pixel_shuffle,
    "aten.pixel_unshuffle": pixel_unshuffle,
    **dict.fromkeys(("aten.channel_shuffle", "aten.native_channel_shuffle"), channel_shuffle),
}
