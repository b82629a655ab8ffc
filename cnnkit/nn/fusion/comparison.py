"""Whether two models answer the same: `difference(model, fused, inputs)`."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from cnnkit.nn.fusion.tracing import same_random_numbers

TOLERANCE = 1e-4  # of the largest value of a tensor


def difference(model: nn.Module, other: nn.Module, inputs: tuple[Any, ...]) -> str:
    """Return how the outputs differ, in eval or in train mode; empty if they do not."""
    for training in (False, True):
        mode = "train" if training else "eval"
        expected, found = (_answer(m, inputs, training) for m in (model, other))
        if reason := _difference(expected, found):
            return f"in {mode} mode, {reason}"
    return ""


def _answer(model: nn.Module, inputs: tuple[Any, ...], training: bool) -> Any:
    """Return a model's output, or the type of the error that it raises."""
    model, inputs = copy.deepcopy((model, inputs))
    model.train(training)
    with same_random_numbers(), torch.no_grad():
        torch.manual_seed(0)
        try:
            return model(*inputs)
        except Exception as error:  # the model's own code runs here
            return type(error)


def _difference(expected: Any, found: Any) -> str:
    (ours, form), (theirs, other_form) = tree_flatten(expected), tree_flatten(found)
    if form != other_form:
        return "the output has another structure"
    for a, b in zip(ours, theirs, strict=True):
        if not isinstance(a, Tensor) or not isinstance(b, Tensor):
            if type(a) is not type(b):
                return f"the output is a {type(b).__name__} instead of a {type(a).__name__}"
        elif a.dtype is not b.dtype or a.shape != b.shape:
            return "the output has another dtype or shape"
        elif a.numel() and not _close(a, b):
            return "the outputs differ"
    return ""


def _close(a: Tensor, b: Tensor) -> bool:
    if not a.is_floating_point():
        return torch.equal(a, b)
    largest = float(a[a.isfinite()].abs().max()) if a.isfinite().any() else 0.0
    return torch.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * largest, equal_nan=True)
