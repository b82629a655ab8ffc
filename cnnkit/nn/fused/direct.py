"""Calls of the modules of fused models that save most of what PyTorch does in every call.

In the first call of a block, the module that holds it gets a function of `direct_blocks.py`, the
block's batch-norm, ReLU and pool get `follow_directly`, and the convolution gets a function of its
own. The modules stay what they are: PyTorch keeps a place for such functions in every module, for
`Module.compile`, and leaves them out of copies and files.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from operator import itemgetter
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as torch_module

from cnnkit.nn.fused.patterns import has_hooks, has_own_methods
from cnnkit.nn.fused.waiting import Step, Waiting
from cnnkit.nn.norm import Norm

# Small blocks take about as long as looking these up.
_has_any_global_hook: Callable[[], bool] = torch_module._has_any_global_hook
is_compiling = torch.compiler.is_compiling
_len_torch_function_stack = torch._C._len_torch_function_stack
_is_torch_function_enabled = torch._C._is_torch_function_enabled

# What the modules of a block do and call. Who replaces it has PyTorch compute the block.
_names, _functions = F.__dict__, itemgetter("conv2d", "batch_norm", "relu", "max_pool2d")
_Conv, _Norm, _ReLU, _Pool = nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d


def original(function: Any) -> Any:
    """Return a function of PyTorch's own; None, which equals none, if it has been replaced."""
    home = getattr(function, "__globals__", {}).get("__name__", "torch")
    return function if home.split(".")[0] == "torch" else None


_FUNCTIONS = tuple(map(original, _functions(_names)))
_LAYERS = tuple(map(original, (_Conv.forward, _Conv._conv_forward, _Norm.forward)))
_ENDS = tuple(map(original, (_ReLU.forward, _Pool.forward)))


def follow_directly(reference: weakref.ref[nn.Module], *args: Any, **kwargs: Any) -> Any:
    """Call a batch-norm, ReLU or pool: it is a step of the tensor that waits, if one does."""
    part, is_own_call = called(reference)
    alone = is_own_call and len(args) == 1 and not kwargs and type(args[0]) is Waiting
    if alone and not has_hooks(part) and "forward" not in part.__dict__ and not is_observed():
        kind, step = STEPS[type(part)](part)
        y = args[0].follow(kind, step)
        if y is not None:
            return y
    return call(part, *args, **kwargs)


def called(reference: weakref.ref[nn.Module]) -> tuple[Any, bool]:
    """Return the module that PyTorch called, and whether it is this one.

    Who copies a module's `__dict__`, as replicas do, copies the function with this reference.
    """
    if is_compiling():  # a compiler sees no frames
        return reference(), False
    module = sys._getframe(3).f_locals.get("self")  # of PyTorch's call of the module
    return module, module is reference()


def call(module: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a module as PyTorch does."""
    return module._call_impl(*args, **kwargs)


NORM_TENSORS = ("running_mean", "running_var", "weight", "bias")


def norm_step(norm: Any) -> tuple[str, Step]:
    """Return what a batch-norm calls; in train mode, that is no step of a block."""
    held = norm_tensors(norm) or [getattr(norm, name) for name in NORM_TENSORS]
    options = {
        **dict(zip(NORM_TENSORS, held, strict=True)),
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


def call_plainly(reference: weakref.ref[nn.Module], *args: Any, **kwargs: Any) -> Any:
    """Call a module as PyTorch does."""
    return call(called(reference)[0], *args, **kwargs)


# The functions by which modules are called directly; others are added to them.
DIRECT: set[Callable[..., Any]] = {follow_directly, call_plainly}
Outer = Callable[[weakref.ref[nn.Module], tuple[Any, ...], dict[str, Any]], Any]


def install(part: nn.Module, function: Callable[..., Any], *more: Any) -> None:
    """Have a module called by a function of `DIRECT`, unless something else calls it already."""
    present: Any = part._compiled_call_impl
    if present is None:
        reference = weakref.ref(part)

        # torch.jit.script leaves a function alone, and fails on other things that can be called.
        def direct(*args: Any, **kwargs: Any) -> Any:
            return function(reference, *more, *args, **kwargs)

        cast(Any, direct).function, cast(Any, direct).more = function, more
        part._compiled_call_impl = direct
    elif getattr(present, "inner", None) == [call_plainly]:
        present.inner[:] = function, *more


def install_outer(part: nn.Module, outer: Outer) -> None:
    """Have a module called by `outer`, and as before where that returns None."""
    present: Any = part._compiled_call_impl
    if present is not None and not is_direct(part):
        return
    reference = weakref.ref(part)
    inner = [call_plainly] if present is None else [present.function, *present.more]

    def direct(*args: Any, **kwargs: Any) -> Any:
        if not is_compiling():
            y = outer(reference, args, kwargs)
            if y is not None:
                return y
        function, *more = inner
        return function(reference, *more, *args, **kwargs)

    cast(Any, direct).function, cast(Any, direct).more = call_plainly, ()
    cast(Any, direct).inner, cast(Any, direct).outer = inner, outer
    part._compiled_call_impl = direct


def is_direct(part: nn.Module) -> bool:
    """Tell whether a module is called by a function of `DIRECT`."""
    return getattr(part._compiled_call_impl, "function", None) in DIRECT


def uninstall(part: nn.Module) -> None:
    """Have PyTorch call a module again, or what calls it first."""
    present: Any = part._compiled_call_impl
    if hasattr(present, "outer"):
        present.inner[:] = [call_plainly]
    elif is_direct(part):
        part._compiled_call_impl = None


def norm_of(norm: Any) -> Norm | None:
    """Return what a batch-norm does in eval mode; None if it uses batch statistics."""
    if norm.training:
        return None
    held = norm_tensors(norm)
    if held is None or held[0] is None or held[1] is None:
        return None
    return Norm(*held, norm.eps)


def norm_tensors(norm: Any) -> tuple[Any, Any, Any, Any] | None:
    """Return mean, variance, weight and bias; None if one is an attribute of another kind."""
    buffers, parameters = norm._buffers, norm._parameters
    try:
        mean, variance = buffers["running_mean"], buffers["running_var"]
        return mean, variance, parameters["weight"], parameters["bias"]
    except KeyError:
        return None


def is_observed() -> bool:
    """Tell whether something of PyTorch's looks at every call, or is replaced by something else."""
    return bool(
        _has_any_global_hook()
        or _len_torch_function_stack()
        or not _is_torch_function_enabled()
        or _functions(_names) != _FUNCTIONS
        or (_Conv.forward, _Conv._conv_forward, _Norm.forward) != _LAYERS
        or (_ReLU.forward, _Pool.forward) != _ENDS
    )


def is_own(module: nn.Module) -> bool:
    """Tell whether a module's class alone says what a call of it does."""
    if has_hooks(module) or has_own_methods(module):
        return False
    return module._compiled_call_impl is None or is_direct(module)
