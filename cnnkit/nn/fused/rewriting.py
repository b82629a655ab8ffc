"""Forward methods whose blocks are one operation each: `rewritten(owner, FusedConv2d)`.

A block in straight-line code, as `self.pool(F.relu(self.conv(x)))` or a line for each operation,
has intermediate values that nobody else can see. The method's source is used only if it compiles
to the very code that runs.
"""

from __future__ import annotations

import inspect
from types import CodeType, FunctionType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from torch import nn

from cnnkit.nn.fused.block_source import BLOCK, Rewriter
from cnnkit.nn.fused.patterns import MODULES
from cnnkit.nn.fused.sources import compiled, source_of

# Functions that see local variables, or a frame's.
LOOKS = {"locals", "vars", "eval", "exec", "dir", "breakpoint", "set_trace", "_getframe"}
LOOKS |= {"currentframe", "stack", "super"}
SUSPENDED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Rewritten(NamedTuple):
    """A method in which these convolutions' blocks are one operation each."""

    function: FunctionType
    convolutions: frozenset[str]


_known: WeakKeyDictionary[FunctionType, dict[tuple[str, ...], Rewritten | None]] = (
    WeakKeyDictionary()
)


def rewritten(owner: nn.Module, fused: type[nn.Module]) -> Rewritten | None:
    """Return what does the same as the forward method of a module's class; None if it has none.

    Args:
        owner: the module.
        fused: the type of the convolutions that compute blocks.
    """
    function = getattr(type(owner), "forward", None)
    if not isinstance(function, FunctionType) or not has_plain_attributes(type(owner)):
        return None
    names = {name: operation_of(part, fused) for name, part in owner._modules.items()}
    key = tuple(f"{name}={kind}" for name, kind in names.items() if kind)
    known = _known.setdefault(function, {})
    if key not in known:
        known[key] = rewrite(function, {name: kind for name, kind in names.items() if kind}, fused)
    return known[key]


def has_plain_attributes(kind: type[nn.Module]) -> bool:
    """Tell whether `self.name` of a module's class only looks a submodule up."""
    return (
        kind.__getattr__ is nn.Module.__getattr__
        and kind.__getattribute__ is object.__getattribute__
    )


def operation_of(part: nn.Module | None, fused: type[nn.Module]) -> str:
    """Return which operation of a block a submodule is; empty if none."""
    return "Conv2d" if type(part) is fused else MODULES.get(type(part), "") if part else ""


def rewrite(
    function: FunctionType, names: dict[str, str], fused: type[nn.Module]
) -> Rewritten | None:
    """Return a function with its blocks replaced; None if its source is unknown or has none.

    Args:
        function: a forward method.
        names: the submodules of its module that are operations of blocks, and which.
        fused: the type of the convolutions that compute blocks.
    """
    code = function.__code__
    if not is_straight(code):
        return None
    tree = source_of(function)
    if tree is None:
        return None
    rewriter = Rewriter(function, names, fused, tree)
    tree.body = rewriter.statements(tree.body)
    blocks = {BLOCK.format(i): block for i, block in enumerate(rewriter.blocks)}
    return Rewritten(compiled(function, tree, blocks), rewriter.convolutions) if blocks else None


def is_straight(code: CodeType) -> bool:
    """Tell whether no inner function, generator or frame sees the variables of a method."""
    inner = code.co_freevars or code.co_cellvars or code.co_flags & SUSPENDED
    inner = inner or any(isinstance(value, CodeType) for value in code.co_consts)
    return bool(code.co_argcount) and not inner and not LOOKS & {*code.co_names}
