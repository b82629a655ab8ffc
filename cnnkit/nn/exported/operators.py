"""What PyTorch's operators are in a graph: `RULES["aten.relu"](draft, arguments)`.

Each rule takes a node's arguments by the names of its schema, adds nodes and returns its result.
Shapes are PyTorch's own, so that views of any kind become a Flatten or a Reshape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnkit.graph.types import FREE
from cnnkit.nn.exported import activations, functions, moving, parts
from cnnkit.nn.exported.draft import Draft, Given, NotReadError, pairs
from cnnkit.nn.exported.windows import (
    adaptive_average,
    adaptive_max,
    average_pool,
    batch_norm,
    convolution,
    max_pool,
)

Rule = Callable[[Draft, Given], str]
PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def same(draft: Draft, given: Given) -> str:
    """Read what changes nothing in inference."""
    return str(given["input"])


def relu(draft: Draft, given: Given) -> str:
    """Read max(x, 0)."""
    return draft.add("Relu", [given["input"]])


def clamp(draft: Draft, given: Given) -> str:
    """Read min(max(x, lower), upper)."""
    x = given["input"]
    limits = [given.get("min", given.get("min_val")), given.get("max", given.get("max_val"))]
    if isinstance(limits[0], str) or isinstance(limits[1], str):
        raise NotReadError("its limits are tensors")
    if "min_val" not in given and limits == [0, None]:
        return relu(draft, given)
    dtype = draft.types[x].dtype
    named = zip(("min", "max"), limits, strict=True)
    return draft.add(
        "Clip", [x, *("" if v is None else draft.tensor(n, v, dtype) for n, v in named)]
    )


def relu6(draft: Draft, given: Given) -> str:
    """Read min(max(x, 0), 6)."""
    return clamp(draft, {**given, "min": 0.0, "max": 6.0})


def arithmetic(operator: str) -> Rule:
    """Return the rule of two tensors, or of a tensor and a number."""

    def rule(draft: Draft, given: Given) -> str:
        if given.get("rounding_mode"):
            raise NotReadError("it rounds what it divides")
        a, b = given["input"], given["other"]
        dtype = draft.types[a].dtype
        if not isinstance(b, str):
            b = draft.tensor("number", b, dtype)
        if given.get("alpha", 1) != 1:
            raise NotReadError("it scales what it adds")
        return draft.add(operator, [a, b])

    return rule


def view(draft: Draft, given: Given) -> str:
    """Read the same elements along other axes, whose sizes PyTorch has computed."""
    x = given["input"]
    before, after = draft.types[x].shape, draft.shape
    if before == after:
        return str(x)
    known = draft.constant(x)
    if known is not None and FREE not in after:
        return draft.tensor("view", known.reshape([int(size) for size in after]), known.dtype.name)
    if before[:1] != after[:1] or FREE in (*before[1:], *after[1:]):
        raise NotReadError(f"it makes {list(after)} of {list(before)}: images are no longer apart")
    if len(after) == 2 and before[0] == FREE:
        return draft.add("Flatten", [x], axis=1)
    sizes = [-1 if size == FREE else int(size) for size in after]
    return draft.add("Reshape", [x, draft.tensor("shape", sizes, "int64")])


def permute(draft: Draft, given: Given) -> str:
    """Read axes in another order."""
    return _transposed(draft, given["input"], list(given["dims"]))


def transpose(draft: Draft, given: Given) -> str:
    """Read two axes that change places."""
    order = list(range(len(draft.types[given["input"]].shape)))
    a, b = given.get("dim0", 0), given.get("dim1", -1)
    order[a], order[b] = order[b], order[a]
    return _transposed(draft, given["input"], order)


def _transposed(draft: Draft, x: str, order: list[int]) -> str:
    rank = len(order)
    order = [axis % rank for axis in order]
    known = draft.constant(x)
    if known is not None:  # of a weight: the layer takes it as it is then
        return draft.tensor("transposed", known.transpose(order), known.dtype.name)
    return draft.add("Transpose", [x], perm=tuple(order))


def linear(draft: Draft, given: Given) -> str:
    """Read x w' + b."""
    x, weight, bias = given["input"], given["weight"], given["bias"]
    if len(draft.types[x].shape) == 2:
        return draft.add("Gemm", [x, weight, *([bias] if bias else [])], transB=1)
    y = draft.add("MatMul", [x, _transposed(draft, weight, [1, 0])])
    return draft.add("Add", [y, bias]) if bias else y


def addmm(draft: Draft, given: Given) -> str:
    """Read b + a w."""
    if given["beta"] != 1 or given["alpha"] != 1:
        raise NotReadError("it scales what it adds")
    return draft.add("Gemm", [given["mat1"], given["mat2"], given["input"]])


def matmul(draft: Draft, given: Given) -> str:
    """Read a product of matrices."""
    return draft.add("MatMul", [given["input"], given.get("other") or given["mat2"]])


def mean(draft: Draft, given: Given) -> str:
    """Read the mean over some axes."""
    rank = len(draft.types[given["input"]].shape)
    axes = sorted(axis % rank for axis in pairs(given.get("dim") or list(range(rank)), 1))
    if 0 in axes:
        raise NotReadError("it takes the mean over images")
    keep = int(given["keepdim"])
    if axes == [2, 3] and rank == 4:
        y = draft.add("GlobalAveragePool", [given["input"]])
        return y if keep else draft.add("Flatten", [y], axis=1)
    named = draft.tensor("axes", axes, "int64")
    return draft.add("ReduceMean", [given["input"], named], keepdims=keep)


def concatenate(draft: Draft, given: Given) -> str:
    """Read tensors behind one another."""
    rank = len(draft.shape)
    if given["dim"] % rank == 0:
        raise NotReadError("it joins images")
    return draft.add("Concat", given["tensors"], axis=given["dim"] % rank)


def along_axis(operator: str) -> Rule:
    """Return the rule of a function along an axis."""

    def rule(draft: Draft, given: Given) -> str:
        return draft.add(operator, [given["input"]], axis=given["dim"] % len(draft.shape))

    return rule


def arg_max(draft: Draft, given: Given) -> str:
    """Read the position of the largest along an axis."""
    if given["dim"] is None:
        raise NotReadError("it compares images")
    axis = given["dim"] % len(draft.types[given["input"]].shape)
    return draft.add("ArgMax", [given["input"]], axis=axis, keepdims=int(given["keepdim"]))


def pad(draft: Draft, given: Given) -> str:
    """Read a frame around the last axes."""
    x, listed = given["input"], list(pairs(given.get("pad", given.get("padding")), 1))
    mode = PAD_MODES[given.get("mode", "constant")]
    rank = len(draft.types[x].shape)
    listed += [0] * (2 * rank - len(listed))
    if min(listed) < 0:
        raise NotReadError("it cuts off pixels")
    before, after = listed[::2][::-1], listed[1::2][::-1]
    inputs = [x, draft.tensor("pads", [*before, *after], "int64")]
    if mode == "constant" and given.get("value"):
        inputs.append(draft.tensor("value", given["value"], draft.types[x].dtype))
    return draft.add("Pad", inputs, mode=mode)


def framed(mode: str) -> Rule:
    """Return the rule of a pad whose mode is its name."""
    return lambda draft, given: pad(draft, {**given, "mode": mode})


CASTS = ("aten.to", "aten._to_copy")


def cast(draft: Draft, given: Given) -> str:
    """Read the elements as another type."""
    if "other" in given:
        raise NotReadError("it takes the type of another tensor")
    wanted: Any = given["dtype"]
    name = str(wanted).removeprefix("torch.")
    if wanted is None or name == draft.types[given["input"]].dtype:
        return str(given["input"])
    return draft.add("Cast", [given["input"]], to=name)


def dropout(draft: Draft, given: Given) -> str:
    """Read a share that is dropped in training."""
    if given.get("train"):
        raise NotReadError("it is in training mode")
    x = given["input"]
    if not given["p"]:
        return str(x)
    return draft.add("Dropout", [x, draft.tensor("ratio", np.float32(given["p"]))])


RULES: dict[str, Rule] = {
    **activations.RULES,
    **parts.RULES,
    **functions.RULES,
    **moving.RULES,
    **dict.fromkeys(("aten.conv1d", "aten.conv2d", "aten.conv3d"), convolution),
    "aten.convolution": convolution,
    "aten.batch_norm": batch_norm,
    "aten._native_batch_norm_legit_no_training": batch_norm,
    "aten.relu": relu,
    "aten.relu6": relu6,
    **dict.fromkeys(("aten.hardtanh", "aten.clamp", "aten.clamp_min", "aten.clamp_max"), clamp),
    "aten.add": arithmetic("Add"),
    "aten.sub": arithmetic("Sub"),
    "aten.mul": arithmetic("Mul"),
    "aten.div": arithmetic("Div"),
    **dict.fromkeys(("aten.max_pool2d", "aten.max_pool2d_with_indices"), max_pool),
    "aten.avg_pool2d": average_pool,
    **dict.fromkeys(("aten.adaptive_avg_pool2d", "aten._adaptive_avg_pool2d"), adaptive_average),
    "aten.adaptive_max_pool2d": adaptive_max,
    **dict.fromkeys(("aten.view", "aten.reshape", "aten._unsafe_view", "aten.flatten"), view),
    **dict.fromkeys(("aten.squeeze", "aten.unsqueeze", "aten.unflatten"), view),
    "aten.permute": permute,
    **dict.fromkeys(("aten.transpose", "aten.t", "aten.numpy_T"), transpose),
    "aten.linear": linear,
    "aten.addmm": addmm,
    **dict.fromkeys(("aten.matmul", "aten.mm", "aten.bmm"), matmul),
    "aten.mean": mean,
    **dict.fromkeys(("aten.cat", "aten.concat"), concatenate),
    **dict.fromkeys(("aten.softmax", "aten._softmax"), along_axis("Softmax")),
    **dict.fromkeys(("aten.log_softmax", "aten._log_softmax"), along_axis("LogSoftmax")),
    "aten.argmax": arg_max,
    **dict.fromkeys(("aten.pad", "aten.constant_pad_nd"), pad),
    "aten.reflection_pad2d": framed("reflect"),
    "aten.replication_pad2d": framed("replicate"),
    **dict.fromkeys(CASTS, cast),
    "aten.dropout": dropout,
    **dict.fromkeys(("aten.feature_dropout", "aten.alpha_dropout"), same),
    **dict.fromkeys(("aten.contiguous", "aten.clone", "aten.alias", "aten.detach"), same),
    "aten.lift_fresh_copy": same,
}
