"""Convolutions, normalisation and pools of torch.export programs; see `exported_operators`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.nn.exported.draft import Draft, Given, NotReadError, pairs
from cnnkit.nn.exported.moving import transposed_convolution


def convolution(draft: Draft, given: Given) -> str:
    """Read conv(x, w) + b."""
    if given.get("transposed"):
        return transposed_convolution(draft, given)
    kernel = tuple(int(size) for size in draft.types[given["weight"]].shape[2:])
    rank = len(kernel)
    dilations = pairs(given["dilation"], rank)
    attributes = {
        "kernel_shape": kernel,
        "strides": pairs(given["stride"], rank),
        "pads": _pads(given["padding"], kernel, dilations),
        "dilations": dilations,
        "group": given["groups"],
    }
    parameters = [given["weight"], *([given["bias"]] if given["bias"] else [])]
    return draft.add("Conv", [given["input"], *parameters], **attributes)


def _pads(padding: Any, kernel: tuple[int, ...], dilations: tuple[int, ...]) -> tuple[int, ...]:
    if padding == "valid":
        return (0,) * (2 * len(kernel))
    if padding == "same":
        around = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
        return (*(pad // 2 for pad in around), *(pad - pad // 2 for pad in around))
    return pairs(padding, len(kernel)) * 2


def batch_norm(draft: Draft, given: Given) -> str:
    """Read (x - mean) / √(variance + ε) * weight + bias."""
    if given.get("training") or not given["running_mean"]:
        raise NotReadError("it normalises by its own batch, and has no running statistics")
    channels = draft.types[given["running_mean"]].shape
    weight = given["weight"] or draft.tensor("weight", np.ones(channels))
    bias = given["bias"] or draft.tensor("bias", np.zeros(channels))
    names = [given["input"], weight, bias, given["running_mean"], given["running_var"]]
    return draft.add("BatchNormalization", names, epsilon=float(np.float32(given["eps"])))


def _pool(given: Given) -> dict[str, Any]:
    kernel = pairs(given["kernel_size"])
    return {
        "kernel_shape": kernel,
        "strides": pairs(given["stride"] or kernel),
        "pads": pairs(given["padding"]) * 2,
        "ceil_mode": int(given["ceil_mode"]),
    }


def max_pool(draft: Draft, given: Given) -> str:
    """Read the largest of each window."""
    dilations = pairs(given["dilation"])
    return draft.add("MaxPool", [given["input"]], **_pool(given), dilations=dilations)


def average_pool(draft: Draft, given: Given) -> str:
    """Read the mean of each window."""
    if given["divisor_override"] is not None:
        raise NotReadError("it divides by another number than that of its elements")
    counted = int(given["count_include_pad"])
    return draft.add("AveragePool", [given["input"]], **_pool(given), count_include_pad=counted)


def adaptive_average(draft: Draft, given: Given) -> str:
    """Read means of as many windows as are asked for."""
    return _adaptive(draft, given, "GlobalAveragePool", "AveragePool")


def adaptive_max(draft: Draft, given: Given) -> str:
    """Read the largest of as many windows as are asked for."""
    return _adaptive(draft, given, "", "MaxPool")


def _adaptive(draft: Draft, given: Given, whole: str, operator: str) -> str:
    x = given["input"]
    before = pairs(draft.types[x].shape[2:])
    after = pairs(draft.shape[2:])
    if after == before:
        return str(x)
    if before == (1, 1):  # the one pixel everywhere
        return draft.add("Add", [x, draft.tensor("plane", np.zeros((1, 1, *after)))])
    if after == (1, 1) and whole:
        return draft.add(whole, [x])
    uneven = any(size % wanted for size, wanted in zip(before, after, strict=True))
    if uneven and operator == "AveragePool":
        return _averaged(draft, x, before, after)
    if uneven:
        sizes = " to ".join("x".join(map(str, size)) for size in (before, after))
        raise NotReadError(f"it pools {sizes}, which windows of one size do not")
    window = tuple(size // wanted for size, wanted in zip(before, after, strict=True))
    return draft.add(operator, [x], kernel_shape=window, strides=window)


def _averaged(draft: Draft, x: str, before: tuple[int, ...], after: tuple[int, ...]) -> str:
    """Read means of windows of several sizes, as products by constant matrices of both axes."""
    rows, columns = (_means(*sizes) for sizes in zip(before, after, strict=True))
    wide = draft.free(f"{draft.name}.wide")
    draft.add_as(wide, "MatMul", [x, draft.tensor("columns", columns.T)])
    return draft.add("MatMul", [draft.tensor("rows", rows), wide])


def _means(size: int, wanted: int) -> NDArray[np.float32]:
    """Return the matrix [wanted, size] of an axis's windows, as PyTorch places them."""
    found = np.zeros((wanted, size), np.float32)
    for index in range(wanted):
        first, end = index * size // wanted, -(-(index + 1) * size // wanted)
        found[index, first:end] = 1 / (end - first)
    return found
