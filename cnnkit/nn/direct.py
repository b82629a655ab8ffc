"""Blocks of an `nn.Sequential` in a fused model, computed without the calls of their modules.

When a block's convolution finds that an `nn.Sequential` holds it, later calls of that module are
`call_directly`. The module stays what it is: PyTorch keeps such a function in every module, for
`Module.compile`, and leaves it out of copies and files.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from cnnkit.nn.fusion_patterns import has_hooks
from cnnkit.ops.torch_autograd import is_transformed

if TYPE_CHECKING:
    from cnnkit.nn.fused_conv import FusedConv2d


def attach(owner: nn.Module, kind: type[FusedConv2d]) -> None:
    """Let an `nn.Sequential` with convolutions of this kind be called by `call_directly`."""
    if type(owner) is nn.Sequential and owner._compiled_call_impl is None:
        owner._compiled_call_impl = partial(call_directly, weakref.ref(owner), kind)


def call_directly(
    reference: weakref.ref[nn.Sequential], kind: type[FusedConv2d], *args: Any, **kwargs: Any
) -> Any:
    """Call an `nn.Sequential`: its blocks in one operation each, and its other modules."""
    owner = reference()
    assert owner is not None
    if kwargs or len(args) != 1 or type(args[0]) is not Tensor or is_transformed():
        return owner._call_impl(*args, **kwargs)
    if is_observed() or has_hooks(owner) or "forward" in owner.__dict__:
        return owner._call_impl(*args)
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
    return not (
        has_hooks(module) or module._compiled_call_impl is not None or "forward" in module.__dict__
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
