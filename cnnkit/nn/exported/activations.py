"""PyTorch's activations, as rules of `cnnkit.nn.exported.operators`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnkit.nn.exported.draft import Draft, Given, NotReadError

SIXTH = float(np.float32(1 / 6))  # as files have it


def plain(operator: str, **attributes: float) -> Callable[[Draft, Given], str]:
    """Return the rule of a function of each element."""
    return lambda draft, given: draft.add(operator, [given["input"]], **attributes)


def silu(draft: Draft, given: Given) -> str:
    """Read x · sigmoid(x)."""
    x = given["input"]
    gate = draft.free(f"{draft.name}.gate")
    return draft.add("Mul", [x, draft.add_as(gate, "Sigmoid", [x])])


def leaky_relu(draft: Draft, given: Given) -> str:
    """Read x from 0 up, and a share of it below."""
    slope = float(np.float32(given["negative_slope"]))
    return draft.add("LeakyRelu", [given["input"]], alpha=slope)


def elu(draft: Draft, given: Given) -> str:
    """Read x from 0 up, and alpha · (e^x - 1) below."""
    if given["scale"] != 1 or given["input_scale"] != 1:
        raise NotReadError("it scales what it gives")
    return draft.add("Elu", [given["input"]], alpha=float(np.float32(given["alpha"])))


def prelu(draft: Draft, given: Given) -> str:
    """Read x from 0 up, and a slope of each channel times x below."""
    x, weight = given["input"], draft.constant(given["weight"])
    if weight is None:
        raise NotReadError("its slopes are computed")
    rank = len(draft.types[x].shape)
    slopes = weight.reshape(-1, *[1] * (rank - 2)) if weight.size > 1 else weight.reshape(())
    return draft.add("PRelu", [x, draft.tensor("slopes", slopes)])


RULES = {
    "aten.sigmoid": plain("Sigmoid"),
    "aten.tanh": plain("Tanh"),
    "aten.hardsigmoid": plain("HardSigmoid", alpha=SIXTH, beta=0.5),
    "aten.hardswish": plain("HardSwish"),
    "aten.silu": silu,
    "aten.leaky_relu": leaky_relu,
    "aten.elu": elu,
    "aten.prelu": prelu,
}
