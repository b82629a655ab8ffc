"""The patterns of `cnnkit.fuse` in a traced model: conv, batch-norm, ReLU and max-pool in a row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from cnnkit.errors import InputError
from cnnkit.nn.block import Sizes
from cnnkit.nn.conv_relu_pool import explicit_padding, unsupported_convolution
from cnnkit.nn.pools import LeftError, both, called_pool
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
    **{torch.conv2d: "Conv2d", F.batch_norm: "BatchNorm2d"},
}
# The general kernel is slower than PyTorch from this many input channels on: stride 1, others.
FEW_CHANNELS, FEW_STRIDED = 16, 8
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


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
    return "relu" if known == "ReLU" else str(getattr(node.target, "__name__", node.target))


def has_hooks(module: nn.Module) -> bool:
    """Tell whether a module has forward or backward hooks."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )


def has_own_methods(module: nn.Module) -> bool:
    """Tell whether a module computes by functions of its own, and not by those of its class."""
    return "forward" in module.__dict__ or "_conv_forward" in module.__dict__


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


def examine(module: nn.Module, chain: Chain, precision: str) -> None:
    """Return if the kernels can compute a chain faster than PyTorch.

    Raises:
        LeftError: an option, a hook or a weight prevents it, or PyTorch is faster.
    """
    for node in chain.nodes:
        if node.op == "call_module":
            part = module.get_submodule(str(node.target))
            if has_hooks(part):
                raise LeftError(f"{title(module, node)} has hooks")
            if has_own_methods(part):
                raise LeftError(f"{title(module, node)} has a forward of its own")
    if any(node and node.op != "call_module" for node in (chain.conv, chain.norm)):
        raise LeftError("its convolution or batch-norm is a function, not a module")
    conv = module.get_submodule(str(chain.conv.target))
    assert isinstance(conv, nn.Conv2d)
    reason = unsupported_convolution(conv) or unsupported_weight(conv)
    if chain.norm:
        norm = module.get_submodule(str(chain.norm.target))
        assert isinstance(norm, nn.BatchNorm2d)
        if norm.running_mean is None or norm.running_var is None:
            reason = reason or "BatchNorm2d has no running statistics"
    if reason:
        raise LeftError(reason)
    pool = called_pool(module, chain.pool)
    padding = explicit_padding(conv)
    assert padding is not None  # unsupported_convolution has checked it
    reason = outpaced(conv.weight.shape, Sizes(both(conv.stride), padding, *pool[:3]), precision)
    if reason:
        raise LeftError(reason)


def outpaced(weight: tuple[int, ...], sizes: Sizes, precision: str) -> str | None:
    """Return why PyTorch is faster, where measurements showed that it is; None elsewhere."""
    few = FEW_CHANNELS if sizes.stride == (1, 1) else FEW_STRIDED
    if weight[1] < few or weight[2:] == (1, 1):
        return None
    try:
        operator = ConvReLUPool(np.zeros(weight, np.float32), None, *sizes, precision=precision)
    except InputError as error:
        return str(error)
    if operator.algorithm != "direct":
        return None
    return (
        f"only the general kernel supports it, which is slower than PyTorch from {few} input "
        "channels on"
    )


def unsupported_weight(conv: nn.Conv2d) -> str | None:
    """Return why the kernels cannot use a convolution's weight; None if they can."""
    if type(conv._parameters.get("weight")) is not nn.Parameter:
        return "the convolution's weight is computed in its forward pass"
    if "bias" not in conv._parameters:
        return "the convolution's bias is no parameter"
    weight = conv.weight
    if weight.dtype is not torch.float32 or weight.device.type != "cpu":
        return f"the convolution's weight is {weight.dtype} on {weight.device}"
    return None


def arguments(node: fx.Node, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of a call by name."""
    return {**dict(zip(names, node.args, strict=False)), **node.kwargs}
