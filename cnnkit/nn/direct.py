"""Calls of the modules of fused models that save most of what PyTorch does in every call.

In the first call of a block, an `nn.Sequential` that holds it gets `call_directly`; in other
models, the block's batch-norm, ReLU and pool get `follow_directly`. The modules stay what they are:
PyTorch keeps a place for such functions in every module, for `Module.compile`, and leaves them out
of copies and files.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from cnnkit.nn.fusion_patterns import has_hooks
from cnnkit.nn.waiting import Step, Waiting
from cnnkit.ops.torch_autograd import is_transformed

if TYPE_CHECKING:
    from cnnkit.nn.fused_conv import FusedConv2d


def attach(owner: nn.Module, parts: list[nn.Module], kind: type[FusedConv2d]) -> None:
    """Let the modules of a block with a convolution of this kind be called directly."""
    if type(owner) is nn.Sequential and owner._compiled_call_impl is None:
        owner._compiled_call_impl = partial(call_directly, weakref.ref(owner), kind)
    for part in parts:
        part._compiled_call_impl = partial(follow_directly, weakref.ref(part))


def follow_directly(reference: weakref.ref[nn.Module], *args: Any, **kwargs: Any) -> Any:
    """Call a batch-norm, ReLU or pool: it is a step of the tensor that waits, if one does."""
    part = reference()
    assert part is not None
    if (
        len(args) == 1
        and type(args[0]) is Waiting
        and not kwargs
        and not has_hooks(part)
        and "forward" not in part.__dict__
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
        "running_mean": norm.running_mean,
        "running_var": norm.running_var,
        "weight": norm.weight,
        "bias": norm.bias,
        "training": norm.training,
        "eps": norm.eps,
    }
    return "BatchNorm2d", Step(F.batch_norm, (), options)


def relu_step(relu: Any) -> tuple[str, Step]:
    """Return what a ReLU calls."""
    return "ReLU", Step(F.relu, (), {"inplace": relu.inplace})


def pool_step(pool: Any) -> tuple[str, Step]:
    """Return what a pool calls."""
    return "MaxPool2d", Step(F.max_pool2d, (), pool_options(pool))


def pool_options(pool: Any) -> dict[str, Any]:
    """Return the options of a pool as `max_pool2d` names them."""
    return {
        "kernel_size": pool.kernel_size,
        "stride": pool.stride,
        "padding": pool.padding,
        "dilation": pool.dilation,
        "ceil_mode": pool.ceil_mode,
        "return_indices": pool.return_indices,
    }


STEPS: dict[type[nn.Module], Callable[[Any], tuple[str, Step]]] = {
    nn.BatchNorm2d: norm_step,
    nn.ReLU: relu_step,
    nn.MaxPool2d: pool_step,
}


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
        if type(module) is kind:
            y, count = module.compute_directly(x, modules[at : at + 3])
            if y is not None:
                x = y
                at += count
                continue
        x = module(x)
    return x


def is_observed() -> bool:
    """Tell whether something of PyTorch's looks at every call of a module or function."""
    return bool(
        torch_module._has_any_global_hook()  # type: ignore[no-untyped-call]
        or torch._C._len_torch_function_stack()
        or not torch._C._is_torch_function_enabled()
    )


def is_own(module: nn.Module) -> bool:
    """Tell whether a module's class alone says what a call of it does."""
    implementation = module._compiled_call_impl
    return not (
        has_hooks(module)
        or "forward" in module.__dict__
        or (implementation and getattr(implementation, "func", None) is not follow_directly)
    )


def split(following: tuple[nn.Module, ...]) -> tuple[Any, Any, int]:
    """Return the batch-norm, or None, and the pool of a block: the modules after its convolution.

    The third value is their number with the ReLU. Without a pool, there is no block.
    """
    norm = following[0] if following and type(following[0]) is nn.BatchNorm2d else None
    first = int(norm is not None)
    pair = following[first : first + 2]
    kinds = tuple(map(type, pair))
    if kinds == (nn.ReLU, nn.MaxPool2d):
        return norm, pair[1], first + 2
    if kinds == (nn.MaxPool2d, nn.ReLU):
        return norm, pair[0], first + 2
    return None, None, 0
