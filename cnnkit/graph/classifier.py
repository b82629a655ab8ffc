"""Anybody's classifier with the contract's input and outputs: `as_classifier(graph, record)`.

The contract: raw pixels `image` uint8 [N, C, H, W] in; `logits`, `probabilities` and `label` out.
What pixels mean is never guessed: the graph scales them itself, or a record says what is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.axes import NCHW, image_axes, image_size
from cnnkit.graph.batch import free_batch
from cnnkit.graph.convnet import INPUT, LOGITS, OUTPUTS, heads
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.heads import REMEDY as HEADS_REMEDY
from cnnkit.graph.heads import find_logits
from cnnkit.graph.layout import LAST
from cnnkit.graph.normalisation import take_off
from cnnkit.graph.passes.constants import fold_constants
from cnnkit.graph.passes.inputs import split_input
from cnnkit.graph.passes.no_ops import cancel_transposes, drop_no_ops
from cnnkit.graph.passes.rewriting import drop_unused, unused_name
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import FREE, INTEGERS, Array, TensorType

# Scales of raw pixels are smaller: 255 / 32 is still as large as what networks are trained on.
LARGEST_SCALE = 1 / 32
ROUNDED = 1e-6  # of a number: what is left of it when it was computed in float32
SAY = (
    "say what its training did to pixels: --preprocess unit (divided by 255), imagenet, none (0 to "
    "255 as they are), or a JSON file with scale, mean and std"
)
SAY_NONE = "say --preprocess none"
ALONG_AN_AXIS = ("Softmax", "LogSoftmax", "LayerNormalization")
OTHER_TYPE = "convert the model to float32 and export it again"


def as_classifier(
    graph: Graph, raw: Preprocessing | None = None, source: object = "the network"
) -> Graph:
    """Return a network that takes raw pixels and has the contract's outputs.

    Args:
        graph: of one input, images [N, C, H, W], or [N, H, W, C] that are transposed first, and
            of one output: logits, probabilities or log-probabilities [N, K]. A batch that is frozen
            is freed.
        raw: what is done to raw pixels before the graph gets them; its scale, mean and std become
            nodes. None if the graph does that itself.
        source: the file that errors shall name.

    Raises:
        InputError: it is no classifier of images, needs a number of images, computes in another
            type than float32, or nothing says what its pixels mean.
    """
    graph = _freed(graph, source)
    ((_, images),) = graph.inputs.items()
    _check_types(graph, source)
    if raw is None and not scales_itself(graph):
        reason = f"takes {images.dtype} and does not say how pixels are scaled"
        raise InputError(source, reason, SAY)
    if raw is not None and scales_itself(graph):
        raise InputError(source, "says itself how pixels are scaled", "leave --preprocess out")
    if raw is not None and images.dtype in INTEGERS and _steps(raw):
        reason = f"takes {images.dtype} pixels, which are not scaled before it"
        raise InputError(source, reason, SAY_NONE)
    graph, logits = find_logits(graph, source)
    return _assembled(_renamed(graph, logits, source), raw or _as_is(graph))


def with_heads(graph: Graph, source: object = "the network") -> Graph:
    """Return a classifier with the contract's outputs that takes the images that it took.

    They are `image` [N, C, H, W], of the same type and range.

    Args:
        graph: as `as_classifier` has it.
        source: the file that errors shall name.

    Raises:
        InputError: it is no classifier of images, or needs a number of images.
    """
    graph, logits = find_logits(_freed(graph, source), source)
    return _assembled(_renamed(graph, logits, source), None)


def _freed(graph: Graph, source: object) -> Graph:
    """Return a graph of images without what is constant in it, their number free."""
    if len(graph.inputs) != 1:
        names = ", ".join(graph.inputs)
        raise InputError(
            source, f"has {len(graph.inputs)} inputs ({names}), not one of images", "use another"
        )
    ((name, images),) = graph.inputs.items()
    if len(images.shape) != 4:
        raise InputError(source, f"takes {images} at its input {name}, no images", "use another")
    return drop_unused(fold_constants(free_batch(graph, source)))


def scales_itself(graph: Graph) -> bool:
    """Tell whether a graph of one input brings raw pixels to what its first layer takes."""
    (images,) = graph.inputs.values()
    if images.dtype == "uint8":
        return True
    pixels, _ = split_input(graph)
    return max(map(abs, pixels.scale)) <= LARGEST_SCALE


def record_of(graph: Graph, raw: Preprocessing | None = None) -> Preprocessing:
    """Return the record of what a graph does to the raw pixels that it takes.

    Args:
        graph: of one input, images.
        raw: what was put before another tool's network. If that scales them once more, the record
            has both.
    """
    own = _own_record(graph)
    if raw is None:
        return own
    if scale_alike(raw, own):
        return raw
    return replace(raw, scale=own.scale, mean=own.mean, std=own.std)


def scale_alike(one: Preprocessing, other: Preprocessing) -> bool:
    """Tell whether two records do the same to pixels, but for rounding."""
    lines = []
    for record in (one, other):
        scale, mean, std = np.broadcast_arrays(record.scale, record.mean, record.std)
        lines.append(np.broadcast_to([scale / std, -mean / std], (2, record.size[0])))
    return bool(np.allclose(lines[0], lines[1], 1e-5, 1e-7))


def _own_record(graph: Graph) -> Preprocessing:
    record, (pixels, _) = _as_is(graph), split_input(graph)
    normalisation, rest = take_off(graph)
    channels = record.size[0]
    if normalisation is not None:
        inner, _ = split_input(rest)
        if set(inner.shift) == {0.0} and len(set(inner.scale)) == 1:  # as our own graphs do it
            mean, std = (tuple(map(_short, numbers)) for numbers in normalisation.numbers)
            times = channels if len(mean) < channels else 1
            scale = _plain(inner.scale[0], record)
            return replace(record, scale=scale, mean=mean * times, std=std * times)
    scales, shifts = (np.broadcast_to(row, channels) for row in (pixels.scale, pixels.shift))
    if not np.all(scales) or len({*pixels.scale}) > channels or pixels.as_is:
        return record
    unit = Preprocessing.of(record.size).scale
    divided = unit / scales  # (x * unit - mean) / std = x * scale + shift
    mean, std = (tuple(map(_rounded, row.tolist())) for row in (-shifts * divided, divided))
    return replace(record, scale=unit, mean=mean, std=std)


def _plain(scale: float, record: Preprocessing) -> float:
    """Return the scale of raw pixels that a scale in float32 stands for."""
    unit = Preprocessing.of(record.size).scale
    return unit if abs(scale / unit - 1) < ROUNDED else scale


def _short(number: float) -> float:
    """Return the number of the fewest digits that is this one in float32."""
    return float(str(np.float32(number)))


def _rounded(number: float) -> float:
    """Return a number as a person wrote it, before it was rounded to float32."""
    short = float(f"{number:.6g}") + 0.0
    return short if abs(short - number) <= ROUNDED / 2 * abs(number) else float(number)


def _as_is(graph: Graph) -> Preprocessing:
    """Return the record by which raw pixels are taken as they are."""
    return replace(Preprocessing.of(image_size(graph)), scale=1.0)


def _check_types(graph: Graph, source: object) -> None:
    """Raise InputError for another floating-point type than float32, or images that mix."""
    types = infer_types(graph)
    (images,) = graph.inputs.values()
    if images.dtype not in ("float32", *INTEGERS) or images.dtype == "int8":
        raise InputError(source, f"takes {images.dtype} pixels", OTHER_TYPE)
    for node in graph.nodes:
        wide = next((types[o] for o in node.outputs if types[o].dtype == "float16"), None)
        if wide is not None:
            raise InputError(source, f"computes in {wide.dtype} (node {node.title})", OTHER_TYPE)
        axis = node.attributes.get("axis") if node.operator in ALONG_AN_AXIS else None
        if axis is not None and axis % len(types[node.inputs[0]].shape) == 0:
            reason = f"has the node {node.title}, along whose axis 0 images depend on each other"
            raise InputError(source, reason, "choose another axis in the model")


def _renamed(graph: Graph, logits: str, source: object) -> Graph:
    """Return the part that computes the logits, under their name; no other name is ours."""
    if logits in graph.inputs or logits in graph.tensors:
        raise InputError(source, "computes nothing from its images", "use another model")
    if infer_types(graph)[logits].shape[1] == 1:
        raise InputError(
            source,
            f"has the output {logits} of one number, not a score per class",
            HEADS_REMEDY,
        )
    taken = {*graph.tensors, *graph.inputs, *(o for node in graph.nodes for o in node.outputs)}
    names = {logits: LOGITS}
    for name in (INPUT, *OUTPUTS):
        if name in taken and name != logits:
            names[name] = unused_name(f"{name}_", taken)
    part = drop_unused(Graph(graph.inputs, graph.nodes, (logits,), graph.tensors))
    return Graph(
        {names.get(name, name): type for name, type in part.inputs.items()},
        tuple(_with_names(node, names) for node in part.nodes),
        (LOGITS,),
        {names.get(name, name): array for name, array in part.tensors.items()},
    )


def _with_names(node: Node, names: Mapping[str, str]) -> Node:
    inputs, outputs = (
        tuple(names.get(name, name) for name in values) for values in (node.inputs, node.outputs)
    )
    return replace(node, inputs=inputs, outputs=outputs)


def _assembled(graph: Graph, raw: Preprocessing | None) -> Graph:
    """Return the part behind raw pixels that are prepared, if at all, and before the heads."""
    ((name, images),) = graph.inputs.items()
    axes = image_axes(graph)
    size = tuple(int(images.shape[axis]) for axis in axes)
    if raw and raw.size != size:
        found, sizes = ("x".join(map(str, each)) for each in (raw.size, size))
        reason = f"is for images of {found}; the model takes {sizes}"
        raise InputError("the preprocessing", reason, "correct its size, or leave it out")
    taken = {*graph.tensors, *(o for node in graph.nodes for o in node.outputs), *graph.inputs}
    nodes, tensors = _prepared(raw, images.dtype, axes, name, taken)
    own = graph.nodes if nodes else (_with_names(node, {name: INPUT}) for node in graph.nodes)
    whole = Graph(
        {INPUT: TensorType("uint8" if raw else images.dtype, (FREE, *size))},
        (*nodes, *own, *heads()),
        OUTPUTS,
        {**tensors, **graph.tensors},
    )
    return whole if axes == NCHW else drop_no_ops(drop_unused(cancel_transposes(whole)))


def _steps(raw: Preprocessing) -> list[tuple[str, str, Array]]:
    """Return what has to be done to raw pixels: operators, what to call their constants, these."""
    channels = (raw.size[0], 1, 1)
    steps = [
        ("Mul", "pixel_scale", np.array(raw.scale), raw.scale == 1),
        ("Sub", "mean", np.reshape(np.array(raw.mean, np.float32), channels), not any(raw.mean)),
        ("Div", "std", np.reshape(np.array(raw.std, np.float32), channels), set(raw.std) == {1.0}),
    ]
    return [(operator, hint, array) for operator, hint, array, idle in steps if not idle]


def _prepared(
    raw: Preprocessing | None, dtype: str, axes: tuple[int, ...], name: str, taken: set[str]
) -> tuple[list[Node], dict[str, Array]]:
    """Return the nodes that make of raw pixels the value `name`, and their constants."""
    rows: list[tuple[str, str, Array | None]] = [*_steps(raw)] if raw else []
    settings: dict[str, dict[str, Any]] = {"Cast": {"to": dtype}, "Transpose": {"perm": LAST}}
    if raw and dtype != "uint8":
        rows.insert(0, ("Cast", "raw", None))
    if axes != NCHW:
        rows.append(("Transpose", "layout", None))
    nodes, tensors, value = list[Node](), dict[str, Array](), INPUT
    for operator, hint, array in rows:
        is_last = len(nodes) == len(rows) - 1
        made = name if is_last else unused_name(f"pixels.{hint}", taken)
        inputs = [value]
        if array is not None:
            inputs.append(unused_name(hint, taken))
            tensors[inputs[1]] = array
        attributes = settings.get(operator, {})
        nodes.append(Node(operator, tuple(inputs), (made,), attributes, made))
        value = made
    return nodes, tensors
