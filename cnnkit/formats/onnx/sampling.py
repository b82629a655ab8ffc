"""Rules of `cnnkit.formats.onnx.opsets` for what makes images larger or smaller, or repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnkit.formats.onnx.draft import Draft, NodeRefusedError, as_integers
from cnnkit.formats.onnx.plain import read_plain
from cnnkit.graph.operators.windows import Window, fixed
from cnnkit.graph.types import FREE, Array, Size

RESIZE_INPUTS = 11  # before it, scales are input 1, or an attribute
GROUP_PARAMETERS = 21  # from it on, GroupNormalization has a scale for each channel


def read_resize(draft: Draft) -> None:
    """Name only the axes that change, by their scales or by their sizes."""
    if draft.opset < RESIZE_INPUTS or draft.operator == "Upsample":
        scales, sizes = _older_scales(draft), None
    else:
        scales, sizes = _values(draft, 2), _values(draft, 3)
    for name, usual in (("antialias", 0), ("keep_aspect_ratio_policy", "stretch")):
        if draft.attributes.pop(name, usual) != usual:
            raise NodeRefusedError(f"its {name} has no kernel")
    if draft.attributes.get("coordinate_transformation_mode") == "tf_half_pixel_for_nn":
        if draft.text("nearest_mode", "round_prefer_floor") != "floor":
            raise NodeRefusedError("its tf_half_pixel_for_nn rounds, as only Keras does not")
        draft.attributes |= {  # the same places
            "coordinate_transformation_mode": "half_pixel",
            "nearest_mode": "round_prefer_ceil",
        }
    draft.attributes.pop("extrapolation_value", None)  # of tf_crop_and_resize, which is refused
    shape = draft.type_of(0).shape
    axes = draft.integers("axes") or list(range(len(shape)))
    stated = sizes if sizes is not None else scales
    if stated is None or len(stated) != len(axes) or not all(-len(shape) <= a for a in axes):
        raise NodeRefusedError(f"its scales or sizes are not those of {len(axes)} axes")
    kept = [
        index for index, axis in enumerate(axes) if not _stays(shape[axis], index, sizes, scales)
    ]
    if not kept:
        draft.add("Identity", draft.inputs[:1], draft.outputs, {})
        return
    place = 3 if sizes is not None else 2
    whole = len(kept) == len(axes) and draft.opset >= RESIZE_INPUTS
    if whole and draft.inputs[place] in draft.tensors:  # as it stands in a file of ours
        names = ["", *[""] * (place - 2), draft.inputs[place]]
    elif sizes is not None:
        chosen = as_integers([int(sizes[index]) for index in kept])
        names = ["", "", draft.add_tensor("sizes", chosen)]
    else:
        numbers = np.array([float(stated[index]) for index in kept], np.float32)
        names = ["", draft.add_tensor("scales", numbers)]
    draft.inputs = [draft.inputs[0], *names]
    draft.operator = "Resize"
    read_plain(draft, axes=tuple(axes[index] % len(shape) for index in kept))


def _older_scales(draft: Draft) -> list[Any] | None:
    """Return the scales of Upsample and of Resize in opset 10, whose corners are asymmetric."""
    stated = draft.attributes.pop("scales", None) if draft.opset < 9 else None
    scales = list(stated.tolist()) if isinstance(stated, np.ndarray) else _values(draft, 1)
    mode = draft.text("mode", "nearest")
    if mode == "nearest" and scales is not None and min(map(float, scales), default=1) < 1:
        raise NodeRefusedError("it makes images smaller as only opsets before 11 do")
    draft.attributes |= {
        "mode": "linear" if mode in ("linear", "bilinear") else mode,
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    return scales


def _values(draft: Draft, index: int) -> list[Any] | None:
    """Return an input's numbers, None where there are none; sizes may have the free one."""
    name = draft.inputs[index] if index < len(draft.inputs) else ""
    if name in draft.sizes:
        return list(draft.sizes[name].ravel().tolist())
    found = draft.constant(index)
    return None if found is None or not found.size else list(found.ravel().tolist())


def _stays(size: Size, index: int, sizes: list[Any] | None, scales: list[Any] | None) -> bool:
    """Tell whether an axis keeps its size."""
    if sizes is not None:
        return bool(sizes[index] == size)
    return scales is not None and float(scales[index]) == 1.0


def padding_mode(draft: Draft) -> str:
    """Take auto_pad out of the attributes; a convolution may not have pads beside it."""
    mode = draft.text("auto_pad", "NOTSET")
    if mode != "NOTSET" and "Conv" in draft.operator and "pads" in draft.attributes:
        raise NodeRefusedError(f"it has pads, and its auto_pad is {mode}: ONNX allows one of them")
    return mode


def read_transposed(draft: Draft) -> None:
    """Fill in sizes by the number of axes; compute padding of what shall come out."""
    x, weight = draft.type_of(0), draft.type_of(1)
    kernel = draft.integers("kernel_shape") or [int(size) for size in fixed(weight.shape[2:])]
    rank = len(kernel)
    strides = draft.integers("strides") or [1] * rank
    dilations = draft.integers("dilations") or [1] * rank
    automatic = padding_mode(draft)
    pads = draft.integers("pads") or [0] * (2 * rank)
    more = draft.integers("output_padding") or [0] * rank
    wanted = draft.integers("output_shape")
    lists = (strides, dilations, more, *([] if wanted is None else [wanted[-rank:]]))
    if len(x.shape) != rank + 2 or any(len(each) != rank for each in lists):
        raise NodeRefusedError(f"its kernel_shape is {kernel}, and its input {x}")
    inputs = fixed(x.shape[2:])
    window = Window(tuple(kernel), tuple(strides), tuple(pads), tuple(dilations))
    wanted_by_mode = automatic in ("SAME_UPPER", "SAME_LOWER") and wanted is None
    if wanted_by_mode:
        wanted = [size * stride for size, stride in zip(inputs, strides, strict=True)]
    if wanted is not None:
        rows = zip(inputs, strides, more, window.extents, wanted[-rank:], strict=True)
        totals = [(s - 1) * stride + m + extent - w for s, stride, m, extent, w in rows]
        more = [m + max(0, -total) for m, total in zip(more, totals, strict=True)]
        reach = zip(totals, strides, strict=True)
        if any(total < 0 and (wanted_by_mode or -total >= stride) for total, stride in reach):
            # ONNX Runtime makes it smaller, or refuses it.
            raise NodeRefusedError(f"its kernel does not reach all of its output of {wanted}")
        smaller = [max(0, total) // 2 for total in totals]
        larger = [max(0, total) - low for total, low in zip(totals, smaller, strict=True)]
        pads = smaller + larger if automatic == "SAME_UPPER" else larger + smaller
    elif automatic == "VALID":
        pads = [0] * (2 * rank)
    elif automatic != "NOTSET":
        raise NodeRefusedError(f"its auto_pad {automatic!r} is unknown")
    read_plain(
        draft,
        kernel_shape=tuple(kernel),
        strides=tuple(strides),
        pads=tuple(pads),
        dilations=tuple(dilations),
        output_padding=tuple(more),
    )


def read_group_norm(draft: Draft) -> None:
    """A scale and a shift of each channel; before opset 21 there is one of each group."""
    draft.integer("stash_type", 1)
    groups = draft.attributes.get("num_groups")
    channels = draft.type_of(0).shape[1:2]
    if draft.opset < GROUP_PARAMETERS:
        names = draft.inputs[:1]
        for index, hint in ((1, "scale"), (2, "bias")):
            found: Array | None = draft.constant(index)
            size = channels[0] if channels else FREE
            fits = found is not None and isinstance(size, int) and isinstance(groups, int)
            if found is None or not fits or found.size != groups or int(size) % int(groups):
                raise NodeRefusedError(f"its {hint} is not one of each of {groups} groups")
            names.append(draft.add_tensor(hint, np.repeat(found.ravel(), int(size) // len(found))))
        draft.inputs = names
    read_plain(draft)


def read_layer_norm(draft: Draft) -> None:
    """The type in which sums are made is no part of the graph."""
    draft.integer("stash_type", 1)
    read_plain(draft)


def read_expand(draft: Draft) -> None:
    """Put 1, which repeats nothing, for the number of images in the shape."""
    wanted = draft.sizes.get(draft.inputs[1]) if len(draft.inputs) == 2 else None
    if wanted is not None and FREE in wanted.tolist():
        sizes = wanted.tolist()
        x = draft.type_of(0).shape
        if len(x) != len(sizes) or any(s == FREE != x[i] for i, s in enumerate(sizes)):
            raise NodeRefusedError("it repeats a constant for each image")
        sizes = [1 if size == FREE else int(size) for size in sizes]
        draft.inputs = [draft.inputs[0], draft.add_tensor("shape", as_integers(sizes))]
    read_plain(draft)


RULES: dict[str, Callable[[Draft], None]] = {
    "Resize": read_resize,
    "Upsample": read_resize,
    "ConvTranspose": read_transposed,
    "GroupNormalization": read_group_norm,
    "LayerNormalization": read_layer_norm,
    "Expand": read_expand,
}
