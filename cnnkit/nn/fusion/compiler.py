"""The backend of torch.compile: `torch.compile(model, backend="cnnkit")`.

Dynamo captures what a call of the model really computes, and guards it. Blocks in that graph are
computed in one operation each, and the rest by PyTorch as in eager mode, with its autograd. Where
no gradients are recorded, a native program computes the whole graph, if there are kernels for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from cnnkit.nn.block import Block, Pair, Sizes
from cnnkit.nn.fused.patterns import Chain, arguments, find_chain, kind, outpaced, title
from cnnkit.nn.fusion.report import Candidate, Report
from cnnkit.nn.native.captured import Captured
from cnnkit.nn.norm import Norm
from cnnkit.nn.pools import LeftError, Pool, both, called_pool

NAME, GROUP = "cnnkit", "torch_dynamo_backends"
CONV = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")

log = logging.getLogger(__name__)
_reports: list[Report] = []


def compile_graph(
    graph_module: fx.GraphModule, example_inputs: list[Tensor]
) -> Callable[..., tuple[Tensor, ...]]:
    """Fuse the blocks of a graph that Dynamo captured: the backend "cnnkit" of torch.compile.

    Args:
        graph_module: the captured graph; it is changed.
        example_inputs: its inputs, as torch.compile passes them to every backend; not used.

    Returns:
        What computes the graph.
    """
    captured = Captured(graph_module)
    candidates = []
    for node in list(graph_module.graph.nodes):
        if kind(graph_module, node) == "MaxPool2d":
            candidates.append(_fuse(graph_module, node))
    graph_module.graph.lint()
    graph_module.recompile()
    report = Report(tuple(candidates), ())
    _reports.append(report)
    log.info("%s", report)
    forward = graph_module.forward

    def compute(*inputs: Any) -> Any:
        outputs = captured.answer(inputs)
        return forward(*inputs) if outputs is None else outputs

    return compute


def compile_reports() -> tuple[Report, ...]:
    """Return a report for each graph that `torch.compile(model, backend="cnnkit")` compiled."""
    return tuple(_reports)


class CompiledBlock(nn.Module):
    """A block in a captured graph; PyTorch computes it where the kernels cannot."""

    def __init__(self, convolution: dict[str, Any], norm: dict[str, Any], pool: Pool) -> None:
        super().__init__()
        self.block = Block()
        self.convolution, self.norm, self.pool = convolution, norm, pool

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None, *norm: Any) -> Tensor:
        """Map [N, C_in, H, W] to [N, C_out, H', W']."""
        known = Norm(norm[0], norm[1], norm[2], norm[3], self.norm["eps"]) if norm else None
        y = self.block(x, weight, bias, known, self._sizes(weight), self.pool.ceil_mode)
        if y is not None:
            return y
        y = F.conv2d(x, weight, bias, **self.convolution)
        if norm:
            y = F.batch_norm(y, norm[0], norm[1], norm[2], norm[3], False, 0.1, self.norm["eps"])
        kernel, stride, padding, ceil_mode = self.pool
        # It is all one whether ReLU comes before or after the pool.
        return F.max_pool2d(F.relu(y), kernel, stride, padding, ceil_mode=ceil_mode)

    def _sizes(self, weight: Tensor) -> Sizes:
        padding = padding_of(self.convolution["padding"], weight.shape)
        return Sizes(both(self.convolution["stride"]), padding, *self.pool[:3])


def _fuse(module: fx.GraphModule, pool: fx.Node) -> Candidate:
    """Fuse the block of a pool, if possible."""
    found, reason = [pool], ""
    try:
        chain = find_chain(module, pool, found)
        block, inputs = _examine(module, chain)
        name = f"cnnkit_block_{sum(isinstance(m, CompiledBlock) for m in module.children())}"
        module.add_module(name, block)
        _replace(chain, name, inputs)
    except LeftError as left:
        reason = str(left)
    operations = " → ".join(title(module, node) for node in found)
    return Candidate(found[0].name, operations, not reason, reason)


def _examine(module: fx.GraphModule, chain: Chain) -> tuple[CompiledBlock, tuple[Any, ...]]:
    """Return the block of a chain, and its inputs in the graph.

    Raises:
        LeftError: an option, a tensor or the order of the graph prevents it, or PyTorch is faster.
    """
    order = {node: i for i, node in enumerate(chain.conv.graph.nodes)}
    convolution = arguments(chain.conv, CONV)
    inputs = [convolution.pop(name, None) for name in CONV[:3]]
    norm = arguments(chain.norm, NORM) if chain.norm else {}
    if norm:
        if norm.get("training"):
            raise LeftError("BatchNorm2d is in training mode")
        inputs += [norm.pop(name, None) for name in NORM[1:5]]
        norm = {"eps": norm.get("eps", 1e-5)}
    given = [value for value in inputs if value is not None]
    if any(not isinstance(value, fx.Node) or order[value] > order[chain.conv] for value in given):
        raise LeftError("a tensor of batch-norm is computed after the convolution")
    values = [value.meta.get("example_value") for value in given]
    for value in values:
        if not isinstance(value, Tensor) or value.dtype is not torch.float32 or not value.is_cpu:
            raise LeftError("a tensor of it is not float32 on the CPU")
    for node in list(order)[order[chain.conv] : order[chain.last]]:
        if node not in chain.nodes and not isinstance(node.meta.get("example_value"), Tensor):
            raise LeftError(f"{title(module, node)} runs between its operations")
    options = {"stride": 1, "padding": 0, **convolution}
    block = CompiledBlock(options, norm, called_pool(module, chain.pool))
    reason = _unsupported(options, values[1]) or outpaced(
        tuple(values[1].shape), block._sizes(values[1]), "default"
    )
    if reason:
        raise LeftError(reason)
    return block, tuple(inputs)


def _unsupported(options: dict[str, Any], weight: Tensor) -> str | None:
    if any(isinstance(value, fx.Node) for value in options.values()):
        return "the convolution's sizes are computed in the forward pass"
    if options.get("groups", 1) != 1:
        return f"the convolution has {options['groups']} groups"
    if both(options.get("dilation", 1)) != (1, 1):
        return f"the convolution has dilation {options['dilation']}"
    if options["padding"] == "same" and any(size % 2 == 0 for size in weight.shape[2:]):
        return "the convolution's padding 'same' is asymmetric"
    return None


def padding_of(padding: Any, weight: torch.Size) -> Pair:
    """Return a convolution's padding as two numbers."""
    if padding == "valid":
        return 0, 0
    return (weight[2] // 2, weight[3] // 2) if padding == "same" else both(padding)


def _replace(chain: Chain, name: str, inputs: tuple[Any, ...]) -> None:
    # At the convolution's position, later in-place operations have not yet changed its input.
    with chain.conv.graph.inserting_before(chain.conv):
        call = chain.conv.graph.call_module(name, inputs)
    call.meta = dict(chain.last.meta)
    chain.last.replace_all_uses_with(call)
    for node in reversed(chain.nodes):
        node.graph.erase_node(node)


def _register() -> None:
    """Register the name, unless the installation's metadata does, which would then fail."""
    from torch._dynamo import register_backend
    from torch._dynamo.backends.registry import _COMPILER_FNS

    if NAME not in entry_points(group=GROUP).names and NAME not in _COMPILER_FNS:
        register_backend(compile_graph, name=NAME)


_register()
