"""Make conv → (batch-norm) → ReLU → max-pool one module: `model, report = cnnkit.fuse(model)`."""

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
    """The new model, and what was done to it."""

    model: nn.Module
    report: Report


def fuse(model: nn.Module, precision: str = "default") -> Fusion:
    """Replace what can be replaced in a copy of a model; the model itself stays untouched.

    Found are Conv2d → (BatchNorm2d) → ReLU → MaxPool2d and Conv2d → (BatchNorm2d) → MaxPool2d →
    ReLU, as modules, functions or methods, in place or not. Batch-norm is folded into the weights
    in float64, in eval mode only: call `model.eval()` first, and do not train the result where
    batch-norm was folded. Where torch.fx cannot follow the whole model, its parts are tried alone.
    Blocks that only the general kernel could run stay where PyTorch was measured to be quicker.
    What was traced behaves as the model did in the mode (training or eval) it was in.

    Args:
        model: any PyTorch module.
        precision: "default", or "fast": see `cnnkit.ops.conv_relu_pool`.

    Returns:
        The new model and the report: for each max-pool, whether it was fused or why not.

    Raises:
        InputError: the model cannot be copied, or there is no such precision.
    """
    if precision not in PRECISIONS:
        raise InputError("precision", f"is {precision!r}", "give 'default' or 'fast'")
    try:
        copied = copy.deepcopy(model)
    except (RuntimeError, TypeError, ValueError) as error:
        remedy = "fuse it before it has run"
        raise InputError("model", f"cannot be copied: {error}", remedy) from error
    worker = _Worker(precision)
    return Fusion(
        worker.fuse_module(copied, ""), Report(tuple(worker.candidates), tuple(worker.untraced))
    )


class _Tracer(fx.Tracer):
    """Follow a model's code down to modules that are known, or whose hooks must go on working."""

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
        """Return the module or what takes its place."""
        if isinstance(module, ConvReLUPool2d) or not any(module.children()):
            return module
        if has_hooks(module):
            return self._fuse_children(module, place, "it has hooks")
        if isinstance(module, CONTAINERS):
            return self._fuse_children(module, place, "")
        try:
            graph = _Tracer().trace(module)
        except Exception as error:  # the model's own code runs here
            words = next(iter(str(error).strip().splitlines()), type(error).__name__)
            return self._fuse_children(module, place, words)
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
        # Whoever holds a Sequential may index it, so that a part of a model must stay one.
        swap = bool(place) and type(module) is nn.Sequential
        done = 0
        for node in list(graph.nodes):
            if kind(module, node) == "MaxPool2d":
                done += self._fuse_pool(module, node, place, swap)
            elif node.op == "call_module" and has_hooks(module.get_submodule(node.target)):
                self.fuse_module(module.get_submodule(node.target), join(place, node.target))
        if swap or not done:
            return module
        graph.lint()
        result = fx.GraphModule(module, graph, type(module).__name__)
        result.delete_all_unused_submodules()
        for name, value in vars(module).items():
            if not name.startswith("_") and not hasattr(result, name):
                setattr(result, name, value)
        return result

    def _fuse_pool(self, module: nn.Module, pool: fx.Node, place: str, swap: bool) -> bool:
        """Fuse what ends in (or goes on after) a pool; write down whether it was done."""
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
                if swap:
                    put_identities(module, chain)
                put(module, str(chain.conv.target), fused)
                replace(chain)
            except LeftError as left:
                reason = str(left)
        self.candidates.append(Candidate(join(place, name), operations, not reason, reason))
        return not reason


def put_identities(module: nn.Module, chain: Chain) -> None:
    """Let what the fused module does be done by nothing else.

    Raises:
        LeftError: a function does a part, or a module is called elsewhere too.
    """
    targets = [node.target for node in chain.conv.graph.nodes]
    for node in chain.nodes:
        if node.op != "call_module" or targets.count(node.target) > 1:
            raise LeftError("it stands in a Sequential of a model that could not be traced")
    for node in chain.nodes:
        put(module, str(node.target), nn.Identity())


def put(module: nn.Module, path: str, child: nn.Module) -> None:
    """Set the submodule of a dotted name."""
    parent, _, name = path.rpartition(".")
    setattr(module.get_submodule(parent), name, child)


def replace(chain: Chain) -> None:
    """Let the convolution's node be the fused module's, and drop the others."""
    # Where the convolution stood its input has not yet been changed in place by others.
    chain.conv.args, chain.conv.kwargs = (source(chain.conv),), {}
    chain.last.replace_all_uses_with(chain.conv)
    for node in reversed(chain.nodes[1:]):
        node.graph.erase_node(node)


def join(place: str, name: str) -> str:
    """Return the dotted name of a submodule."""
    return f"{place}.{name}" if place else name
