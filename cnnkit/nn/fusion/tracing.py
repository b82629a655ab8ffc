"""What a model's forward does, by torch.fx: its graph, who calls each module, what it keeps."""

from __future__ import annotations

import gc
import random
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import fx, nn

from cnnkit.nn.conv_relu_pool import ConvReLUPool2d
from cnnkit.nn.fused.patterns import has_hooks
from cnnkit.nn.fused.places import first_argument


class Method(NamedTuple):
    """A running method of a module: its Python module and qualified name there."""

    owner: nn.Module
    source: str
    function: str


class Trace(NamedTuple):
    """The graph of a module.

    Attributes:
        graph: what forward computes.
        kept: nodes whose values something still refers to after forward has returned.
        callers: for each call of a module, the methods that were running, innermost first.
    """

    graph: fx.Graph
    kept: frozenset[fx.Node]
    callers: dict[fx.Node, tuple[Method, ...]]


def trace(module: nn.Module) -> Trace:
    """Trace a module, whose own code runs, and may change it; random generators are restored.

    Raises:
        Exception: torch.fx cannot follow the code, or it raises.
    """
    tracer = _Tracer()
    with same_random_numbers():
        graph = tracer.trace(module)
    if tracer.kept():
        gc.collect()  # what only a cycle refers to is not kept
    return Trace(graph, tracer.kept(), tracer.callers)


@contextmanager
def same_random_numbers() -> Iterator[None]:
    """Restore the states of the random generators of Python, NumPy and PyTorch afterwards."""
    python, array = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(array)


class _Tracer(fx.Tracer):
    """Trace a model down to PyTorch's own modules, fused modules and modules with hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.proxies: dict[fx.Node, weakref.ref[fx.Proxy]] = {}
        self.callers: dict[fx.Node, tuple[Method, ...]] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, ConvReLUPool2d) or has_hooks(m):
            return True
        return super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        proxy = super().proxy(node)
        self.proxies[node] = weakref.ref(proxy)
        return proxy

    def kept(self) -> frozenset[fx.Node]:
        """Return the nodes whose values something refers to."""
        return frozenset(node for node, proxy in self.proxies.items() if proxy() is not None)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        output = super().call_module(m, forward, args, kwargs)
        if isinstance(output, fx.Proxy) and output.node not in self.callers:
            self.callers[output.node] = tuple(methods(sys._getframe(1), self.root))
        return output


def methods(frame: FrameType | None, root: nn.Module) -> Iterator[Method]:
    """Yield the methods of modules that are running, from the innermost to the root's forward."""
    found = False
    while frame is not None:
        owner = first_argument(frame)
        source = frame.f_globals["__name__"]
        if owner is not None and source not in (
            "torch.nn.modules.module",
            "torch.fx._symbolic_trace",
        ):
            yield Method(owner, source, frame.f_code.co_qualname)
            found = found or owner is root
        elif found and owner is None:
            return
        frame = frame.f_back
