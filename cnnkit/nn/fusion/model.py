"""Fuse conv → (batch-norm) → ReLU → max-pool in a PyTorch model: `cnnkit.fuse(model)`."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from torch import fx, nn

from cnnkit.errors import InputError
from cnnkit.nn.conv_relu_pool import PRECISIONS, ConvReLUPool2d
from cnnkit.nn.fused.conv import stop_waiting, wait
from cnnkit.nn.fused.patterns import Chain, examine, find_chain, has_hooks, kind, title
from cnnkit.nn.fused.places import Names, Place
from cnnkit.nn.fusion.comparison import difference
from cnnkit.nn.fusion.parts import find_parts, tried
from cnnkit.nn.fusion.report import Candidate, Handed, Report, Untraced
from cnnkit.nn.fusion.tracing import Trace, trace
from cnnkit.nn.native.conv import mark, unmark
from cnnkit.nn.native.part import Part
from cnnkit.nn.pools import LeftError, called_pool

CONTAINERS = (nn.ModuleList, nn.ModuleDict)
IN_TRAIN_MODE = "in train mode PyTorch runs its layers, as batch-norm needs the statistics"


class Fusion(NamedTuple):
    """The new model, and a report of what was fused."""

    model: nn.Module
    report: Report


def fuse(
    model: nn.Module, precision: str = "default", *, example_inputs: tuple[Any, ...] | None = None
) -> Fusion:
    """Return a copy of a model that computes its blocks in one operation each.

    Whole parts, if possible the whole model, run as one program of cnnkit's engine for graphs, in
    evaluation mode and without gradients, from the third call with images of a size on. A part is a
    module of three convolutions or more whose source shows that a call only computes its result,
    and does so alike for any values and any number of images. PyTorch's and the program's outputs
    are compared before the program is used. Whatever else happens (hooks, other modules, options or
    weights, autocast, transforms, a debugger or profiler), PyTorch computes the part, and does so
    where it is faster. After weights have changed, PyTorch computes the next 256 images.

    Elsewhere, blocks do. They are Conv2d → (BatchNorm2d) → ReLU → MaxPool2d and Conv2d →
    (BatchNorm2d) → MaxPool2d → ReLU, as modules, functions or methods, in place or not. The copy
    has the same modules, parameters, names and code as the model; only the type of convolutions
    with which parts and blocks begin is a subclass of `nn.Conv2d`. An `nn.Sequential`, and a
    forward method whose source shows that nobody else sees the values in between, calls each block
    as one operation. Where forward cannot show that, the output of the convolution waits, and the
    last operation of the block computes it.
    Elsewhere (called directly, with hooks on the block, under autocast, while the model is
    compiled, exported or scripted), and wherever something else looks at an intermediate value,
    PyTorch computes it.

    PyTorch also runs what it runs quicker: batch-norm in train mode, which needs the convolution's
    output; a few thousand values where gradients are recorded or an output would have to wait; and
    blocks that only the general kernel supports, of many channels, which the report names. For one
    image of 28×28 pixels and 16 channels, a block takes about 0.35 of PyTorch's time without
    gradients, and 0.8 with them; a larger batch takes a tenth.

    Batch-norm takes part in eval mode; its parameters stay where they are. If torch.fx cannot trace
    the whole model, its submodules are traced one by one; `torch.compile(model, backend="cnnkit")`
    follows models that it cannot. In eval mode, PyTorch does not record what is written through
    `weight.data`, by NumPy or by an optimiser with `fused=True`: weights of up to 4,096 elements
    are compared in every call, and 4,096 elements of larger ones, spread over them; a write that
    misses those takes effect after the next `train()` or `eval()`.

    Args:
        model: any PyTorch module.
        precision: "default" or "fast"; see `cnnkit.ops.conv_relu_pool`.
        example_inputs: arguments of the model. If they are given, the outputs of model and copy are
            compared in eval and in train mode, and nothing is fused if they differ.

    Returns:
        The new model and the report: for each max-pool, whether it was fused or why not, and which
        parts may run as a whole. With `example_inputs` and in eval mode, that has been tried.

    Raises:
        InputError: the model cannot be copied, or the precision is unknown.
    """
    if precision not in PRECISIONS:
        raise InputError("precision", f"is {precision!r}", "give 'default' or 'fast'")
    search = _Search(precision)
    search.visit(copied(model), "")  # tracing runs the model's code, so on a copy of its own
    fused = copied(model)
    found, rows = find_parts(fused)
    for name, place in search.places.items():
        conv = fused.get_submodule(name)
        assert isinstance(conv, nn.Conv2d)
        wait(conv, place, precision)
    parts = {name: Part(conv) for name, conv in found}
    for name, part in parts.items():
        mark(fused.get_submodule(".".join(filter(None, (name, *part.names)))), part)
    candidates = tuple(search.candidates)
    if example_inputs is not None and (search.places or parts):
        reason = difference(model, fused, example_inputs)
        if reason:
            fused, candidates = copied(model), tuple(c.leave(reason) for c in candidates)
            rows = [Handed(row.place, row.layers, row.reason or reason) for row in rows]
        elif "" in parts and not any(module.training for module in fused.modules()):
            rows = [tried(parts[""], rows[0], fused, example_inputs)]
    return Fusion(fused, Report(candidates, tuple(search.untraced), tuple(rows)))


def copied(model: nn.Module) -> nn.Module:
    """Return a deep copy, without what an earlier `fuse` did.

    Raises:
        InputError: the model cannot be copied.
    """
    try:
        model = copy.deepcopy(model)
    except (RuntimeError, TypeError, ValueError) as error:
        remedy = "fuse it before its first forward pass, and after torch.nn.utils.prune.remove"
        raise InputError("model", f"cannot be copied: {error}", remedy) from error
    stop_waiting(model)
    unmark(model)
    return model


class _Search:
    """The blocks of a model.

    Attributes:
        places: for the name of each block's convolution, where the block is called.
        candidates: every max-pool that was seen, for the report.
        untraced: the modules that torch.fx cannot trace.
    """

    def __init__(self, precision: str) -> None:
        self.precision = precision
        self.places: dict[str, Place] = {}
        self.candidates: list[Candidate] = []
        self.untraced: list[Untraced] = []

    def visit(self, module: nn.Module, name: str) -> None:
        """Find the blocks of a module; of its children, if it cannot be traced."""
        if isinstance(module, ConvReLUPool2d) or not any(module.children()):
            return
        if has_hooks(module):
            self._visit_children(module, name, "it has hooks")
        elif isinstance(module, CONTAINERS) and type(module).forward is nn.Module.forward:
            self._visit_children(module, name, "")
        else:
            try:
                traced = trace(module)
            except Exception as error:  # the model's own code runs here
                reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
                self._visit_children(module, name, reason)
            else:
                self._search_graph(module, traced, name)

    def _visit_children(self, module: nn.Module, name: str, reason: str) -> None:
        if reason:
            self.untraced.append(Untraced(name or "model", reason))
        for child_name, child in module.named_children():
            self.visit(child, join(name, child_name))

    def _search_graph(self, module: nn.Module, traced: Trace, name: str) -> None:
        for node in traced.graph.nodes:
            if kind(module, node) == "MaxPool2d":
                self._examine_pool(module, traced, node, name)
            elif node.op == "call_module" and has_hooks(module.get_submodule(node.target)):
                self.visit(module.get_submodule(node.target), join(name, node.target))

    def _examine_pool(self, module: nn.Module, traced: Trace, pool: fx.Node, name: str) -> None:
        found, reason, note = [pool], "", ""
        try:
            chain = find_chain(module, pool, found)
            note = IN_TRAIN_MODE if chain.norm else ""
            examine(module, chain, self.precision)
            place = place_of(module, traced, chain)
            conv = join(name, str(chain.conv.target))
            if self.places.setdefault(conv, place) != place:
                reason = "Conv2d is called in another block too"
        except LeftError as left:
            reason = str(left)
        operations = " → ".join(title(module, node) for node in found)
        first = found[0] if kind(module, found[0]) == "Conv2d" else pool
        where = str(first.target) if first.op == "call_module" else first.name
        note = "" if reason else note
        self.candidates.append(Candidate(join(name, where), operations, not reason, reason, note))


def place_of(module: nn.Module, traced: Trace, chain: Chain) -> Place:
    """Return where a block is called.

    Raises:
        LeftError: something keeps or changes a value of the block, or nobody calls it.
    """
    for node in chain.nodes[:-1]:
        if node in traced.kept:
            raise LeftError(f"forward keeps the output of {title(module, node)}")
    if changer := changed_between(module, chain):
        raise LeftError(f"{changer} runs in place between its operations")
    called = [node for node in chain.nodes if node.op == "call_module"]
    paths = [str(node.target).split(".") for node in called]
    shared = common_prefix([path[:-1] for path in paths])
    if len(called) < len(chain.nodes):
        # A function does not tell who calls it; the module around the whole graph does.
        shared = []
    owner = module.get_submodule(".".join(shared))
    depth = len(shared)
    parts: dict[Names, type[nn.Module] | None] = {
        tuple(path[depth:end]): None for path in paths for end in range(depth + 1, len(path))
    }
    name_of = {node: tuple(path[depth:]) for node, path in zip(called, paths, strict=True)}
    for node, name in name_of.items():
        kind_of = type(module.get_submodule(str(node.target)))
        parts[name] = None if node is chain.conv else kind_of
    pool = name_of.get(chain.pool) or called_pool(module, chain.pool)
    norm = None if chain.norm is None else name_of[chain.norm]
    for method in traced.callers[chain.conv]:
        if method.owner is owner:
            where = method.source, method.function
            return Place(*where, name_of[chain.conv], norm, pool, tuple(parts.items()))
    raise LeftError("torch.fx does not tell which module calls it")


def changed_between(module: nn.Module, chain: Chain) -> str:
    """Return what runs in place between the operations of a chain; empty if nothing does."""
    node = chain.conv.next
    while node is not chain.last:
        if node not in chain.nodes:
            called = module.get_submodule(str(node.target)) if node.op == "call_module" else None
            name = str(getattr(node.target, "__name__", node.target))
            in_place = getattr(called, "inplace", False) or node.kwargs.get("inplace")
            if in_place or name.endswith("_") or name == "setitem" or "out" in node.kwargs:
                return title(module, node)
        node = node.next
    return ""


def common_prefix(paths: list[list[str]]) -> list[str]:
    """Return the names that all dotted paths begin with."""
    shared = []
    for names in zip(*paths, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return shared


def join(place: str, name: str) -> str:
    """Return the dotted name of a submodule."""
    return f"{place}.{name}" if place else name
