"""Calls of the modules that hold blocks: an `nn.Sequential`, or a module with a forward of its own.

They compute each block in one operation, as `direct.py` says of the other modules' calls.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple, cast

from torch import Tensor, nn

from cnnkit.nn.fused.direct import DIRECT, call, called, is_observed, is_own, norm_of, pool_options
from cnnkit.nn.fused.patterns import MODULES, has_hooks
from cnnkit.ops.torch_autograd import is_own_float, is_plain, is_transformed

TYPES = {name: kind for kind, name in MODULES.items()}


class Operation(NamedTuple):
    """An operation of a block, as a forward method calls it.

    Attributes:
        kind: the operator.
        function: the function that is called; None for a module.
        args: what it is called with after its input, ...
        kwargs: ... and by name.
    """

    kind: str
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def is_done_by(self, callee: Any) -> bool:
        """Tell whether something does this operation, and only this."""
        if self.function is not None:
            return callee is self.function
        return type(callee) is TYPES[self.kind] and is_own(callee)


def tried(
    operations: tuple[Operation, ...], fused: type[nn.Module]
) -> Callable[..., Tensor | None]:
    """Return what computes a block: from what is called, last operation first, and the input.

    It returns None if PyTorch has to compute the block.

    Args:
        operations: those of the block, the first one first.
        fused: the type of the convolutions that compute blocks.
    """
    after = operations[:0:-1]
    places = {operation.kind: i for i, operation in enumerate(after)}
    pool_at, norm_at = places["MaxPool2d"], places.get("BatchNorm2d")
    known, kind = after[pool_at], cast(Any, fused)

    def compute(*given: Any) -> Tensor | None:
        conv, x = given[-2:]
        if type(conv) is not kind or not is_plain(x) or is_observed() or not is_own(conv):
            return None
        if conv.fused.leaves(x):
            return None
        for operation, callee in zip(after, given, strict=False):
            if not operation.is_done_by(callee):
                return None
        pool, norm = given[pool_at], None
        if norm_at is not None and (norm := norm_of(given[norm_at])) is None:
            return None
        options = (known.args, known.kwargs) if known.function else (pool_options(pool), {})
        read = conv.fused.read_pool(*options)
        y: Tensor | None = None if read is None else conv.compute(x, norm, read)[0]
        return y

    return compute


def computed(operations: tuple[Operation, ...], fused: type[nn.Module]) -> Callable[..., Any]:
    """Return what does the same as `tried`, and calls the operations if it cannot."""
    attempt = tried(operations, fused)

    def compute(*given: Any) -> Any:
        y = attempt(*given)
        if y is not None:
            return y
        *callees, y = given
        for operation, callee in zip(operations, reversed(callees), strict=True):
            y = callee(y, *operation.args, **operation.kwargs)
        return y

    return compute


def call_rewritten(
    reference: weakref.ref[nn.Module],
    function: FunctionType,
    rewritten: FunctionType,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Call a module with a forward of its own, by one in which blocks are one operation each."""
    owner, is_own_call = called(reference)
    if (
        not is_own_call
        or not args
        or type(args[0]) is not Tensor
        or is_transformed()
        or is_observed()
        or has_hooks(owner)
        or "forward" in owner.__dict__
        or type(owner).forward is not function
        or sys.gettrace() is not None
    ):
        return call(owner, *args, **kwargs)
    return rewritten(owner, *args, **kwargs)


def call_directly(reference: weakref.ref[nn.Module], kind: Any, *args: Any, **kwargs: Any) -> Any:
    """Call an `nn.Sequential`: its blocks in one operation each, and its other modules.

    `kind` is the type of the convolutions that compute blocks.
    """
    owner, is_own_call = called(reference)
    if not is_own_call or kwargs or len(args) != 1 or type(args[0]) is not Tensor:
        return call(owner, *args, **kwargs)
    if is_transformed() or is_observed() or has_hooks(owner) or "forward" in owner.__dict__:
        return call(owner, *args)
    x = args[0]
    modules, at = tuple(owner._modules.values()), 0
    while at < len(modules):
        module: Any = modules[at]
        at += 1
        if type(module) is kind and is_own_float(x) and not module.fused.leaves(x):
            y, count = compute_directly(module, x, modules[at : at + 3])
            if y is not None:
                x = y
                at += count
                continue
        x = module(x)
    return x


def compute_directly(conv: Any, x: Tensor, following: tuple[Any, ...]) -> tuple[Tensor | None, int]:
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


DIRECT.update((call_directly, call_rewritten))
