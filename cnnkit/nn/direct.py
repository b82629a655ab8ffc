"""Calls of the modules of fused models that save most of what PyTorch does in every call.

In the first call of a block, an `nn.Sequential` that holds it gets `call_directly`, the block's
batch-norm, ReLU and pool get `follow_directly`, and the convolution gets a function of its own. The
modules stay what they are: PyTorch keeps a place for such functions in every module, for
`Module.compile`, and leaves them out of copies and files.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from cnnkit.nn.fusion_patterns import has_hooks
from cnnkit.nn.norm import Norm
from cnnkit.nn.waiting import Step, Waiting
from cnnkit.ops.torch_autograd import is_own_float, is_transformed

if TYPE_CHECKING:
    from cnnkit.nn.fused_conv import FusedConv2d

# Small blocks take about as long as looking these up.
_has_any_global_hook: Callable[[], bool] = torch_module._has_any_global_hook
_len_torch_function_stack = torch._C._len_torch_function_stack
_is_torch_function_enabled = torch._C._is_torch_function_enabled


def follow_directly(reference: weakref.ref[nn.Module], *args: Any, **kwargs: Any) -> Any:
    """Call a batch-norm, ReLU or pool: it is a step of the tensor that waits, if one does."""
    part = reference()
    assert part is not None
    if (
        len(args) == 1
        and type(args[0]) is Waiting
        and not kwargs
        and not (
            part._forward_hooks
            or part._forward_pre_hooks
            or part._backward_hooks
            or part._backward_pre_hooks
            or "forward" in part.__dict__
        )
        and not is_observed()
    ):
        kind, step = STEPS[type(part)](part)
        y = args[0].follow(kind, step)
        if y is not None:
            return y
    return call(part, *args, **kwargs)


def call(module: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a module as PyTorch does."""
    return module._call_impl(*args, **kwargs)


def norm_step(norm: Any) -> tuple[str, Step]:
    """Return what a batch-norm calls; in train mode, that is no step of a block."""
    options = {
        "running_mean": norm._buffers.get("running_mean"),
        "running_var": norm._buffers.get("running_var"),
        "weight": norm._parameters.get("weight"),
        "bias": norm._parameters.get("bias"),
        "training": norm.training,
        "eps": norm.eps,
    }
    return "BatchNorm2d", Step(F.batch_norm, (), options)


RELU, RELU_IN_PLACE = (Step(F.relu, (in_place,), {}) for in_place in (False, True))


def relu_step(relu: Any) -> tuple[str, Step]:
    """Return what a ReLU calls."""
    return "ReLU", RELU_IN_PLACE if relu.inplace is True else RELU


def pool_step(pool: Any) -> tuple[str, Step]:
    """Return what a pool calls."""
    return "MaxPool2d", Step(F.max_pool2d, pool_options(pool), {})


def pool_options(pool: Any) -> tuple[Any, ...]:
    """Return the options of a pool in the order of `max_pool2d`."""
    return (
        pool.kernel_size,
        pool.stride,
        pool.padding,
        pool.dilation,
        pool.ceil_mode,
        pool.return_indices,
    )


STEPS: dict[type[nn.Module], Callable[[Any], tuple[str, Step]]] = {
    nn.BatchNorm2d: norm_step,
    nn.ReLU: relu_step,
    nn.MaxPool2d: pool_step,
}


# The functions by which modules are called directly; the convolution's is added to them.
DIRECT: set[Callable[..., Any]] = {follow_directly}


def norm_of(norm: Any) -> Norm | None:
    """Return what a batch-norm does in eval mode; None if it uses batch statistics."""
    if norm.training:
        return None
    buffers, parameters = norm._buffers, norm._parameters
    mean, variance = buffers.get("running_mean"), buffers.get("running_var")
    if mean is None or variance is None:
        return None
    return Norm(mean, variance, parameters.get("weight"), parameters.get("bias"), norm.eps)


def call_directly(
    reference: weakref.ref[nn.Sequential], kind: type[FusedConv2d], *args: Any, **kwargs: Any
) -> Any:
    """Call an `nn.Sequential`: its blocks in one operation each, and its other modules."""
    owner = reference()
    assert owner is not None
    if kwargs or len(args) != 1 or type(args[0]) is not Tensor or is_transformed():
        return call(owner, *args, **kwargs)
    if is_observed() or has_hooks(owner) or "forward" in owner.__dict__:
        return call(owner, *args)
    x = args[0]
    modules, at = tuple(owner._modules.values()), 0
    while at < len(modules):
        module: Any = modules[at]
        at += 1
        if type(module) is kind and is_own_float(x):
            y, count = compute_directly(module, x, modules[at : at + 3])
            if y is not None:
                x = y
                at += count
                continue
        x = module(x)
    return x


def compute_directly(
    conv: FusedConv2d, x: Tensor, following: tuple[Any, ...]
) -> tuple[Tensor | None, int]:
    """Compute the block that a convolution and the modules after it in an `nn.Sequential` are.

    Returns:
        The output and how many of those were computed; no output if there is no such block.
    """
    normed = bool(following) and type(following[0]) is nn.BatchNorm2d
    first = int(normed)
    pair = following[first : first + 2]
    kinds = tuple(map(type, pair))
    if kinds == (nn.ReLU, nn.MaxPool2d):
        pool = pair[1]
    elif kinds == (nn.MaxPool2d, nn.ReLU):
        pool = pair[0]
    else:
        return None, 0
    read = conv.fused.read_pool(pool_options(pool), {})
    norm = norm_of(following[0]) if normed else None
    if read is None or (normed and norm is None) or not is_own(conv):
        return None, 0
    if not all(map(is_own, following[: first + 2])):
        return None, 0
    return conv.compute(x, norm, read)[0], first + 2


def is_observed() -> bool:
    """Tell whether something of PyTorch's looks at every call of a module or function."""
    return bool(
        _has_any_global_hook() or _len_torch_function_stack() or not _is_torch_function_enabled()
    )


def is_own(module: nn.Module) -> bool:
    """Tell whether a module's class alone says what a call of it does."""
    implementation = module._compiled_call_impl
    return not (
        has_hooks(module)
        or "forward" in module.__dict__
        or (implementation and getattr(implementation, "func", None) not in DIRECT)
    )
