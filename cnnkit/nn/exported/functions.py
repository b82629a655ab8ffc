"""PyTorch's functions, reductions, normalisations: rules of `cnnkit.nn.exported.operators`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnkit.nn.exported.draft import Draft, Given, NotReadError, pairs

Rule = Callable[[Draft, Given], str]
SMALL = 15.0  # from where on softplus is x, but for e^-15


def _make(draft: Draft, operator: str, *inputs: Any, **attributes: Any) -> str:
    """Add a node before the last one of a rule; numbers become constants."""
    output = draft.free(f"{draft.name}.part")
    return draft.add_as(output, operator, _named(draft, inputs), **attributes)


def _last(draft: Draft, operator: str, *inputs: Any, **attributes: Any) -> str:
    """Add the last node of a rule; numbers become constants."""
    return draft.add(operator, _named(draft, inputs), **attributes)


def _named(draft: Draft, inputs: Sequence[Any]) -> list[str]:
    """Return names, of numbers too: scalars of float64, which is exact in the reference."""
    return [
        value if isinstance(value, str) else draft.tensor("number", value, "float64")
        for value in inputs
    ]


def plain(operator: str) -> Rule:
    """Return the rule of a function of each element."""
    return lambda draft, given: draft.add(operator, [given["input"]])


def binary(operator: str) -> Rule:
    """Return the rule of two tensors."""
    return lambda draft, given: draft.add(operator, [given["input"], given["other"]])


def softplus(draft: Draft, given: Given) -> str:
    """Read log(1 + e^(beta · x)) / beta."""
    if given["threshold"] < SMALL:
        raise NotReadError("its threshold is where it still curves")
    if given["beta"] == 1:
        return draft.add("Softplus", [given["input"]])
    y = _make(draft, "Softplus", _make(draft, "Mul", given["input"], given["beta"]))
    return _last(draft, "Div", y, given["beta"])


def log_sigmoid(draft: Draft, given: Given) -> str:
    """Read -log(1 + e^-x)."""
    return _last(draft, "Neg", _make(draft, "Softplus", _make(draft, "Neg", given["input"])))


def mish(draft: Draft, given: Given) -> str:
    """Read x · tanh(softplus(x)), which older opsets have as well."""
    x = given["input"]
    return _last(draft, "Mul", x, _make(draft, "Tanh", _make(draft, "Softplus", x)))


def gelu(draft: Draft, given: Given) -> str:
    """Read x / 2 · (1 + erf(x / √2)), or with tanh, which older opsets have as well."""
    x = given["input"]
    if given["approximate"] == "tanh":
        cube = _make(draft, "Mul", _make(draft, "Mul", x, x), x)
        inner = _make(draft, "Add", x, _make(draft, "Mul", cube, 0.044715))
        y = _make(draft, "Tanh", _make(draft, "Mul", inner, math.sqrt(2.0 / math.pi)))
    else:
        y = _make(draft, "Erf", _make(draft, "Div", x, math.sqrt(2.0)))
    return _last(draft, "Mul", _make(draft, "Mul", x, _make(draft, "Add", y, 1.0)), 0.5)


def celu(draft: Draft, given: Given) -> str:
    """Read x from 0 up, and alpha · (e^(x / alpha) - 1) below."""
    return draft.add("Celu", [given["input"]], alpha=float(np.float32(given["alpha"])))


def threshold(draft: Draft, given: Given) -> str:
    """Read x above a threshold, and 0 elsewhere."""
    if given["value"] != 0:
        raise NotReadError("it puts another number than 0")
    alpha = float(np.float32(given["threshold"]))
    return draft.add("ThresholdedRelu", [given["input"]], alpha=alpha)


def glu(draft: Draft, given: Given) -> str:
    """Read the first half times sigmoid of the second."""
    x, shape = given["input"], draft.types[given["input"]].shape
    axis = given["dim"] % len(shape)
    half = int(shape[axis]) // 2 if isinstance(shape[axis], int) else 0
    names = [draft.free(f"{draft.name}.{part}") for part in ("left", "right")]
    for name, start in zip(names, (0, half), strict=True):
        ends = [start, start + half, axis]
        parts = [draft.tensor("slice", [value], "int64") for value in ends]
        draft.add_as(name, "Slice", [x, *parts])
    return _last(draft, "Mul", names[0], _make(draft, "Sigmoid", names[1]))


def power(draft: Draft, given: Given) -> str:
    """Read a power of each element."""
    x, exponent = given["input"], given.get("exponent", 2)
    if not isinstance(x, str) or isinstance(exponent, str):
        raise NotReadError("its exponent is not a number")
    if exponent == 2:
        return draft.add("Mul", [x, x])
    if exponent == 0.5:
        return draft.add("Sqrt", [x])
    return _last(draft, "Pow", x, float(exponent))


def inverse_root(draft: Draft, given: Given) -> str:
    """Read 1 / √x."""
    return _last(draft, "Reciprocal", _make(draft, "Sqrt", given["input"]))


def subtracted(draft: Draft, given: Given) -> str:
    """Read another value less x."""
    if given.get("alpha", 1) != 1:
        raise NotReadError("it scales what it subtracts")
    return _last(draft, "Sub", given["other"], given["input"])


def logarithm_of_more(draft: Draft, given: Given) -> str:
    """Read log(1 + x)."""
    return _last(draft, "Log", _make(draft, "Add", given["input"], 1.0))


def _axes(draft: Draft, given: Given) -> list[int]:
    rank = len(draft.types[given["input"]].shape)
    stated = given.get("dim")
    axes = list(range(rank)) if stated is None or stated == [] else pairs(stated, 1)
    found = sorted(axis % rank for axis in axes)
    if 0 in found:
        raise NotReadError("it joins images")
    return found


def reduction(operator: str) -> Rule:
    """Return the rule of a reduction over axes."""

    def rule(draft: Draft, given: Given) -> str:
        if operator in ("ReduceMax", "ReduceMin") and isinstance(given.get("other"), str):
            return draft.add(operator.removeprefix("Reduce"), [given["input"], given["other"]])
        axes = draft.tensor("axes", _axes(draft, given), "int64")
        keep = int(bool(given.get("keepdim")))
        return draft.add(operator, [given["input"], axes], keepdims=keep)

    return rule


def norm(draft: Draft, given: Given) -> str:
    """Read a norm over axes: that of absolute values, or of squares."""
    kinds = {1: "ReduceL1", 2: "ReduceL2"}
    order = given.get("ord", given.get("p"))
    if order not in kinds:
        raise NotReadError(f"it is the norm {order}")
    return reduction(kinds[order])(draft, given)


def variance(root: bool) -> Rule:
    """Return the rule of the variance over axes, or of its root."""

    def rule(draft: Draft, given: Given) -> str:
        x, axes = given["input"], _axes(draft, given)
        named = draft.tensor("axes", axes, "int64")
        sizes = [draft.types[x].shape[axis] for axis in axes]
        count = math.prod(int(size) for size in sizes)
        correction = given.get("correction", given.get("unbiased", 1))
        left = count - (1 if correction is None else int(correction))
        if left < 1:
            raise NotReadError(f"it is of {count} elements")
        mean = _make(draft, "ReduceMean", x, named)
        off = _make(draft, "Sub", x, mean)
        squares = _make(draft, "Mul", off, off)
        more = {"keepdims": int(bool(given.get("keepdim")))}
        y = _make(draft, "ReduceMean", squares, named, **more)
        if not root:
            return _last(draft, "Mul", y, count / left)
        return _last(draft, "Sqrt", _make(draft, "Mul", y, count / left))

    return rule


def _parameters(draft: Draft, given: Given, shape: Any) -> list[str]:
    weight = given.get("weight") or draft.tensor("weight", np.ones(shape))
    return [weight, given.get("bias") or draft.tensor("bias", np.zeros(shape))]


def _epsilon(given: Given) -> float:
    return float(np.float32(given["eps"]))


def instance_norm(draft: Draft, given: Given) -> str:
    """Read each channel of each image, standardised."""
    if not given["use_input_stats"]:
        raise NotReadError("it normalises by running statistics")
    x = given["input"]
    names = [x, *_parameters(draft, given, draft.types[x].shape[1:2])]
    return draft.add("InstanceNormalization", names, epsilon=_epsilon(given))


def group_norm(draft: Draft, given: Given) -> str:
    """Read groups of channels of each image, standardised."""
    x, groups = given["input"], given.get("num_groups", given.get("group"))
    names = [x, *_parameters(draft, given, draft.types[x].shape[1:2])]
    return draft.add("GroupNormalization", names, num_groups=groups, epsilon=_epsilon(given))


def layer_norm(draft: Draft, given: Given) -> str:
    """Read the last axes, standardised."""
    sizes = pairs(given["normalized_shape"], 1)
    names = [given["input"], *_parameters(draft, given, sizes)]
    return draft.add("LayerNormalization", names, axis=-len(sizes), epsilon=_epsilon(given))


def attention(draft: Draft, given: Given) -> str:
    """Read softmax(q k' · scale) v."""
    if given["attn_mask"] is not None or given["is_causal"] or given["dropout_p"]:
        raise NotReadError("its attention is masked, or drops")
    q, k, v = given["query"], given["key"], given["value"]
    rank, width = len(draft.types[k].shape), draft.types[k].shape[-1]
    turned = _make(draft, "Transpose", k, perm=(*range(rank - 2), rank - 1, rank - 2))
    scale = given.get("scale") or 1.0 / math.sqrt(int(width))
    weights = _make(draft, "Mul", _make(draft, "MatMul", q, turned), scale)
    return _last(draft, "MatMul", _make(draft, "Softmax", weights, axis=-1), v)


NAMES = {
    **{"abs": "Abs", "ceil": "Ceil", "erf": "Erf", "exp": "Exp", "floor": "Floor", "log": "Log"},
    **{"neg": "Neg", "reciprocal": "Reciprocal", "selu": "Selu", "sign": "Sign", "sqrt": "Sqrt"},
}
RULES: dict[str, Rule] = {
    **{f"aten.{name}": plain(operator) for name, operator in NAMES.items()},
    "aten.softplus": softplus,
    "aten.log_sigmoid": log_sigmoid,
    "aten.mish": mish,
    "aten.gelu": gelu,
    "aten.celu": celu,
    "aten.threshold": threshold,
    "aten.glu": glu,
    **dict.fromkeys(("aten.pow", "aten.square"), power),
    "aten.rsqrt": inverse_root,
    "aten.rsub": subtracted,
    "aten.log1p": logarithm_of_more,
    "aten.maximum": binary("Max"),
    "aten.minimum": binary("Min"),
    **dict.fromkeys(("aten.amax", "aten.max"), reduction("ReduceMax")),
    **dict.fromkeys(("aten.amin", "aten.min"), reduction("ReduceMin")),
    "aten.sum": reduction("ReduceSum"),
    **dict.fromkeys(("aten.linalg_vector_norm", "aten.norm"), norm),
    "aten.var": variance(root=False),
    "aten.std": variance(root=True),
    "aten.instance_norm": instance_norm,
    **dict.fromkeys(("aten.group_norm", "aten.native_group_norm"), group_norm),
    **dict.fromkeys(("aten.layer_norm", "aten.native_layer_norm"), layer_norm),
    "aten.scaled_dot_product_attention": attention,
}
