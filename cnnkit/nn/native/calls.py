"""The calls in a forward method: `kind_of_call(expressions, node)`."""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any, Protocol

from torch import nn

from cnnkit.nn.native import known
from cnnkit.nn.native.facts import NotShownError
from cnnkit.nn.native.kinds import LIST, MODULE, OTHER, SIZES, STATIC
from cnnkit.nn.native.names import UNKNOWN, Names, is_in


class Expressions(Protocol):
    """What calls need of the expressions around them: `expressions.Expressions`."""

    names: Names

    def kind(self, node: ast.expr) -> str:
        """Return what kind of value an expression has."""


def kind_of_call(expressions: Expressions, node: ast.Call) -> str:
    """Follow a call of a module, a method or a function."""
    arguments = [*node.args, *(k.value for k in node.keywords if k.arg)]
    if len(arguments) < len(node.args) + len(node.keywords):
        raise NotShownError(f"line {node.lineno} gives any number of arguments")
    kinds = [expressions.kind(argument) for argument in arguments]
    found = _of_result(expressions, node, kinds)
    if not found:
        raise NotShownError(f"line {node.lineno} calls {ast.unparse(node.func)}")
    return found


def _of_result(expressions: Expressions, node: ast.Call, kinds: list[str]) -> str:
    called = expressions.names.held(node.func)
    if isinstance(called, nn.Module):
        return OTHER if kinds[:1] in ([OTHER], [LIST]) else ""
    if isinstance(called, FunctionType) and isinstance(node.func, ast.Attribute):
        owner = expressions.names.held(node.func.value)
        if node.func.attr in vars(owner):  # a function that the module holds
            return OTHER if is_in(called, known.FUNCTIONS) else ""
        return "" if node.keywords else expressions.names.method.prove_inner(called, owner, kinds)
    if called is not UNKNOWN:
        return OTHER if is_in(called, known.FUNCTIONS) else ""
    function = expressions.names.named(node.func)
    if function is not UNKNOWN:
        return _of_function(expressions, node, function, kinds)
    if isinstance(node.func, ast.Attribute):
        return _of_method(expressions, node.func, kinds)
    return OTHER if expressions.kind(node.func) == MODULE and kinds[:1] in ([OTHER], [LIST]) else ""


def _of_function(expressions: Expressions, node: ast.Call, function: Any, kinds: list[str]) -> str:
    if is_in(function, known.FUNCTIONS):
        return OTHER
    if is_in(function, known.FALSE):
        return STATIC
    if is_in(function, known.BUILTINS):
        if function is isinstance or not {OTHER, LIST} & {*kinds}:
            return SIZES if SIZES in kinds and function is not isinstance else STATIC
        return STATIC if function is len and kinds == [LIST] else ""
    is_own = isinstance(function, FunctionType) and not node.keywords
    return expressions.names.method.prove_inner(function, None, kinds) if is_own else ""


def _of_method(expressions: Expressions, node: ast.Attribute, kinds: list[str]) -> str:
    base = expressions.kind(node.value)
    if base == LIST and node.attr in known.GROWS:
        return STATIC
    if base != OTHER:
        return ""
    if node.attr in known.SIZES:
        return SIZES
    if node.attr in known.RANKS:
        return STATIC
    return OTHER if node.attr in known.METHODS else ""
