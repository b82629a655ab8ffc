"""The patterns of `cnnkit.fuse` in a traced model: conv, batch-norm, ReLU and max-pool in a row."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import fx, nn

from cnnkit.errors import InputError
from cnnkit.nn.conv_relu_pool import ConvReLUPool2d, unsupported_reason
from cnnkit.ops.fused import ConvReLUPool

# Modules of exactly these types: a subclass may override forward.
MODULES: dict[type[nn.Module], str] = {
    nn.Conv2d: "Conv2d",
    nn.BatchNorm2d: "BatchNorm2d",
    nn.ReLU: "ReLU",
    nn.MaxPool2d: "MaxPool2d",
}
FUNCTIONS: dict[Any, str] = {
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"), "ReLU"),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), "MaxPool2d"),
}
# The general kernel is slower than PyTorch from this many input channels on: stride 1, others.
FEW_CHANNELS, FEW_STRIDED = 16, 8
POOL_ARGUMENTS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class LeftError(Exception):
    """A candidate cannot be fused; the message says why."""


class Chain(NamedTuple):
    """The nodes of one block in order; ReLU may come before or after the pool."""

    conv: fx.Node
    norm: fx.Node | None
    pool: fx.Node
    last: fx.Node
    nodes: tuple[fx.Node, ...]


def kind(module: nn.Module, node: fx.Node) -> str | None:
    """Return which of the four operators a node of the module's graph is; None for others."""
    if node.op == "call_module":
        return MODULES.get(type(module.get_submodule(str(node.target))))
    return FUNCTIONS.get(node.target) if node.op in ("call_function", "call_method") else None


def title(module: nn.Module, node: fx.Node) -> str:
    """Return the operator name of a node for the report."""
    if node.op == "call_module":
        return type(module.get_submodule(str(node.target))).__name__
    known = kind(module, node)
    if known == "MaxPool2d":
        return "max_pool2d"
    return "relu" if known else str(getattr(node.target, "__name__", node.target))


def has_hooks(module: nn.Module) -> bool:
    """Tell whether a module has forward or backward hooks."""
    return any(getattr(module, name) for name in HOOKS)


def find_chain(module: nn.Module, pool: fx.Node, found: list[fx.Node]) -> Chain:
    """Walk back from a pool to a convolution.

    Args:
        module: the traced module.
        pool: the node of the pool.
        found: extended by the nodes of the chain, in order, even if an error is raised.

    Raises:
        LeftError: the pattern does not match, or an intermediate value has other users.
    """
    norm = relu = None
    node = source(pool)
    if kind(module, node) == "ReLU":
        relu = node
        found.insert(0, node)
        node = source(node)
    if kind(module, node) == "BatchNorm2d":
        norm = node
        found.insert(0, node)
        node = source(node)
    if kind(module, node) != "Conv2d":
        what = "the model's input" if node.op == "placeholder" else title(module, node)
        raise LeftError(f"its input comes from {what}, not from a Conv2d")
    found.insert(0, node)
    if relu is None:
        following = [user for user in pool.users if kind(module, user) == "ReLU"]
        if not following:
            raise LeftError("there is no ReLU before or after the pool")
        found.append(following[0])
    for inner in found[:-1]:
        if len(inner.users) != 1:
            raise LeftError(f"the output of {title(module, inner)} is used elsewhere too")
    return Chain(node, norm, pool, found[-1], tuple(found))


def source(node: fx.Node) -> fx.Node:
    """Return the node that computes a node's input tensor.

    Raises:
        LeftError: the input is not a node of the graph.
    """
    value = node.args[0] if node.args else node.kwargs.get("input")
    if not isinstance(value, fx.Node):
        raise LeftError("its input is not a tensor of the graph")
    return value


def make(module: nn.Module, chain: Chain, precision: str) -> ConvReLUPool2d:
    """Return the fused module of a chain.

    Raises:
        LeftError: an option, a hook or a weight prevents it, or PyTorch is faster.
    """
    for node in chain.nodes:
        if node.op == "call_module" and has_hooks(module.get_submodule(str(node.target))):
            raise LeftError(f"{title(module, node)} has hooks")
    conv = module.get_submodule(str(chain.conv.target))
    assert isinstance(conv, nn.Conv2d)
    calls = [n for n in chain.conv.graph.nodes if n.op == "call_module"]
    if sum(module.get_submodule(str(n.target)) is conv for n in calls) > 1:
        raise LeftError("Conv2d is called more than once")
    pool = pool_of(module, chain.pool)
    reason = unsupported_reason(conv, pool) or unsupported_weight(conv)
    if reason:
        raise LeftError(reason)
    if chain.norm:
        norm = module.get_submodule(str(chain.norm.target))
        assert isinstance(norm, nn.BatchNorm2d)
        conv = fold(conv, norm)
    try:
        fused = ConvReLUPool2d.from_modules(conv, pool, precision)
        reason = outpaced(fused)
    except InputError as error:
        raise LeftError(str(error)) from error
    if reason:
        raise LeftError(reason)
    return fused


def outpaced(fused: ConvReLUPool2d) -> str | None:
    """Return why PyTorch is faster, where measurements showed that it is; None elsewhere."""
    few = FEW_CHANNELS if fused.stride == (1, 1) else FEW_STRIDED
    if fused.in_channels < few or fused.kernel_size == (1, 1):
        return None
    sizes = (fused.stride, fused.padding, fused.pool_kernel, fused.pool_stride, fused.pool_padding)
    operator = ConvReLUPool(fused.weight.detach(), None, *sizes, precision=fused.precision)
    if operator.algorithm != "direct":
        return None
    return (
        f"only the general kernel supports it, which is slower than PyTorch from {few} input "
        "channels on"
    )


def unsupported_weight(conv: nn.Conv2d) -> str | None:
    """Return why the kernels cannot use a convolution's weight; None if they can."""
    if not isinstance(conv._parameters.get("weight"), nn.Parameter):
        return "the convolution's weight is computed in its forward pass"
    weight = conv.weight
    if weight.dtype is not torch.float32 or weight.device.type != "cpu":
        return f"the convolution's weight is {weight.dtype} on {weight.device}"
    return None


def pool_of(module: nn.Module, node: fx.Node) -> nn.MaxPool2d:
    """Return a pool's module; for a function, a new module with the same arguments.

    Raises:
        LeftError: its sizes are not constants.
    """
    if node.op == "call_module":
        pool = module.get_submodule(str(node.target))
        assert isinstance(pool, nn.MaxPool2d)
        return pool
    options = {**dict(zip(POOL_ARGUMENTS, node.args[1:], strict=False)), **node.kwargs}
    options.pop("input", None)
    if any(isinstance(value, fx.Node) for value in options.values()):
        raise LeftError("the pool's sizes are computed in the forward pass")
    if not options.get("stride"):  # for PyTorch, None and () mean the kernel size
        options["stride"] = None
    # The arguments of a graph are untyped; torch checked them when the model was traced.
    return nn.MaxPool2d(**options)  # type: ignore[arg-type]


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Fold a batch-norm into a convolution: weights computed in float64 and rounded once.

    Raises:
        LeftError: the batch-norm uses batch statistics.
    """
    if norm.training:
        raise LeftError("BatchNorm2d is in training mode; call model.eval() first")
    if norm.running_mean is None or norm.running_var is None:
        raise LeftError("BatchNorm2d has no running statistics")
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    shift = -norm.running_mean.double() * scale
    with torch.no_grad():
        if norm.affine:
            scale, shift = scale * norm.weight.double(), shift * norm.weight.double()
            shift += norm.bias.double()
        if conv.bias is not None:
            shift += conv.bias.double() * scale
        folded = copy.copy(conv)
        folded._parameters = {
            "weight": nn.Parameter((conv.weight.double() * scale[:, None, None, None]).float()),
            "bias": nn.Parameter(shift.float()),
        }
    return folded
