"""Models written for one suspicion each answer the same after `cnnkit.fuse` and torch.compile."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
from support.suspicious_models import MODELS
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import cnnkit
from cnnkit.nn.fusion.compiler import compile_graph

WAYS = {
    "fuse": lambda model: cnnkit.fuse(model).model,
    "compile": lambda model: torch.compile(copy.deepcopy(model), backend=compile_graph),
}
# A pool picks another of two equal pixels only if their values were rounded differently.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def answers(model: nn.Module, inputs: tuple[Any, ...], calls: tuple[bool, ...]) -> list[Any]:
    """Return outputs, gradients and buffers of some calls, with gradients or without."""
    found: list[Any] = []
    for gradients in calls:
        torch.manual_seed(0)
        random.seed(1)
        given = [x.clone().requires_grad_(gradients) for x in inputs]
        with torch.set_grad_enabled(gradients):
            outputs = [y for y in tree_leaves(model(*given)) if isinstance(y, Tensor)]
        found += [(y.requires_grad, y.dtype, y.detach().float()) for y in outputs]
        if gradients:
            model.zero_grad()
            sum(y.float().square().sum() for y in outputs).backward()
            found += [None if x.grad is None else x.grad.clone() for x in given]
            found += [None if p.grad is None else p.grad.clone() for p in model.parameters()]
        found += [buffer.clone() for buffer in model.buffers()]
    return found


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_it_answers_as_before(name: str, way: str, training: bool) -> None:
    if way == "compile":
        torch._dynamo.reset()
    model, inputs = MODELS[name]()
    model.train(training)
    changed = WAYS[way](model)
    assert changed.training is training
    # Compiled a second time, for calls without gradients, it would be the same graph.
    calls = (True, True) if way == "compile" else (True, False, True)
    expected, found = (tree_leaves(answers(m, inputs, calls)) for m in (model, changed))
    for a, b in zip(expected, found, strict=True):
        if isinstance(a, Tensor):
            torch.testing.assert_close(b, a, **CLOSE)
        else:
            assert a == b
