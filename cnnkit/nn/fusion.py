"""Fuse conv → (batch-norm) → ReLU → max-pool in a PyTorch model: `cnnkit.fuse(model)`."""

from __future__ import annotations

import copy
from typing import NamedTuple

from torch import fx, nn

from cnnkit.errors import InputError
from cnnkit.nn.conv_relu_pool import PRECISIONS, ConvReLUPool2d
from cnnkit.nn.fusion_patterns import (
    Chain,
    LeftError,
    find_chain,
    has_hooks,
    kind,
    make,
    source,
    title,
)
from cnnkit.nn.fusion_report import Candidate, Report, Untraced

CONTAINERS = (nn.ModuleList, nn.ModuleDict)


class Fusion(NamedTuple):
    """The new model, and a report of what was fused."""

    model: nn.Module
    report: Report


def fuse(model: nn.Module, precision: str = "default") -> Fusion:
    """Return a copy of a model in which blocks are replaced by `ConvReLUPool2d`.

    The patterns are Conv2d → (BatchNorm2d) → ReLU → MaxPool2d and Conv2d → (BatchNorm2d) →
    MaxPool2d → ReLU, as modules, functions or methods, in place or not. Batch-norm is folded into
    the weights in float64, in eval mode only: call `model.eval()` first, and do not train a model
    in which batch-norm was folded. If torch.fx cannot trace the whole model, its submodules are
    traced one by one. Blocks that only the general kernel supports are left alone where PyTorch was
    measured to be faster. A traced module keeps the behaviour of its current mode (training or
    eval).

    Args:
        model: any PyTorch module.
        precision: "default" or "fast"; see `cnnkit.ops.conv_relu_pool`.

    Returns:
        The new model and the report: for each max-pool, whether it was fused or why not.

    Raises:
        InputError: the model cannot be copied, or the precision is unknown.
    """
    if precision not in PRECISIONS:
        raise InputError("precision", f"is {precision!r}", "give 'default' or 'fast'")
    try:
        copied = copy.deepcopy(model)
    except (RuntimeError, TypeError, ValueError) as error:
        remedy = "fuse it before its first forward pass"
        raise InputError("model", f"cannot be copied: {error}", remedy) from error
    worker = _Worker(precision)
    return Fusion(
        worker.fuse_module(copied, ""), Report(tuple(worker.candidates), tuple(worker.untraced))
    )


class _Tracer(fx.Tracer):
    """Trace a model down to PyTorch's own modules, fused modules and modules with hooks."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, ConvReLUPool2d) or has_hooks(m):
            return True
        return super().is_leaf_module(m, module_qualified_name)


class _Worker:
    def __init__(self, precision: str) -> None:
        self.precision = precision
        self.candidates: list[Candidate] = []
        self.untraced: list[Untraced] = []

    def fuse_module(self, module: nn.Module, place: str) -> nn.Module:
        """Return the module or its replacement."""
        if isinstance(module, ConvReLUPool2d) or not any(module.children()):
            return module
        if has_hooks(module):
            return self._fuse_children(module, place, "it has hooks")
        if isinstance(module, CONTAINERS):
            return self._fuse_children(module, place, "")
        try:
            graph = _Tracer().trace(module)
        except Exception as error:  # the model's own code runs here
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            return self._fuse_children(module, place, reason)
        return self._fuse_graph(module, graph, place)

    def _fuse_children(self, module: nn.Module, place: str, reason: str) -> nn.Module:
        if reason:
            self.untraced.append(Untraced(place or "model", reason))
        for name, child in module.named_children():
            fused = self.fuse_module(child, f"{place}.{name}".lstrip("."))
            if fused is not child:
                setattr(module, name, fused)
        return module

    def _fuse_graph(self, module: nn.Module, graph: fx.Graph, place: str) -> nn.Module:
        # A Sequential inside a model must remain one, because other code may index it.
        in_place = bool(place) and type(module) is nn.Sequential
        fused = 0
        for node in list(graph.nodes):
            if kind(module, node) == "MaxPool2d":
                fused += self._fuse_pool(module, node, place, in_place)
            elif node.op == "call_module" and has_hooks(module.get_submodule(node.target)):
                self.fuse_module(module.get_submodule(node.target), join(place, node.target))
        if in_place or not fused:
            return module
        graph.lint()
        result = fx.GraphModule(module, graph, type(module).__name__)
        result.delete_all_unused_submodules()
        for name, value in vars(module).items():
            if not name.startswith("_") and not hasattr(result, name):
                setattr(result, name, value)
        return result

    def _fuse_pool(self, module: nn.Module, pool: fx.Node, place: str, in_place: bool) -> bool:
        """Fuse the block of a pool, if possible; record the result as a candidate."""
        found = [pool]
        chain, reason = None, ""
        try:
            chain = find_chain(module, pool, found)
        except LeftError as left:
            reason = str(left)
        operations = " → ".join(title(module, node) for node in found)
        first = found[0] if kind(module, found[0]) == "Conv2d" else pool
        name = str(first.target) if first.op == "call_module" else first.name
        if chain:
            try:
                fused = make(module, chain, self.precision)
                if in_place:
                    put_identities(module, chain)
                put(module, str(chain.conv.target), fused)
                replace(chain)
            except LeftError as left:
                reason = str(left)
        self.candidates.append(Candidate(join(place, name), operations, not reason, reason))
        return not reason


def put_identities(module: nn.Module, chain: Chain) -> None:
    """Replace the modules of a chain by Identity, before the fused one takes the first place.

    Raises:
        LeftError: a part of the chain is a function, or a module that is called more than once.
    """
    targets = [node.target for node in chain.conv.graph.nodes]
    for node in chain.nodes:
        if node.op != "call_module" or targets.count(node.target) > 1:
            raise LeftError("it is in a Sequential of a model that could not be traced")
    for node in chain.nodes:
        put(module, str(node.target), nn.Identity())


def put(module: nn.Module, path: str, child: nn.Module) -> None:
    """Set the submodule with a dotted name."""
    parent, _, name = path.rpartition(".")
    setattr(module.get_submodule(parent), name, child)


def replace(chain: Chain) -> None:
    """Turn the convolution's node into the call of the fused module, and erase the others."""
    # At the convolution's position, later in-place operations have not yet changed its input.
    chain.conv.args, chain.conv.kwargs = (source(chain.conv),), {}
    chain.last.replace_all_uses_with(chain.conv)
    for node in reversed(chain.nodes[1:]):
        node.graph.erase_node(node)


def join(place: str, name: str) -> str:
    """Return the dotted name of a submodule."""
    return f"{place}.{name}" if place else name
